using System.Diagnostics;

namespace OvirtSpm.Lab.Hosts;

internal static class LabWait
{
    /// <summary>An emulated host does in a minute what a real one does in a second, and ten times slower where it has to share its core.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromMinutes(10);

    /// <summary>Asks again and again: there is no event to wait for between machines.</summary>
    /// <param name="what">Asked when it did not come.</param>
    /// <returns>How long it took.</returns>
    public static async Task<TimeSpan> UntilAsync(TimeSpan patience, Func<string> what, Func<Task<bool>> holds)
    {
        var started = Stopwatch.StartNew();
        while (started.Elapsed < patience)
        {
            if (await holds())
            {
                return started.Elapsed;
            }

            await Task.Delay(500, TestContext.Current.CancellationToken);
        }

        Assert.Fail($"not within {patience.TotalSeconds:0} s: {what()}");
        throw new UnreachableException();
    }
}
