using System.Diagnostics;

namespace OvirtSpm.Lab.Hosts;

internal static class LabWait
{
    /// <summary>Asks again and again: there is no event to wait for between machines.</summary>
    /// <returns>How long it took.</returns>
    public static Task<TimeSpan> UntilAsync(TimeSpan patience, string what, Func<Task<bool>> holds) => UntilAsync(patience, () => Task.FromResult(what), holds);

    /// <param name="what">Asked when it did not come.</param>
    public static async Task<TimeSpan> UntilAsync(TimeSpan patience, Func<Task<string>> what, Func<Task<bool>> holds)
    {
        var started = Stopwatch.StartNew();
        while (started.Elapsed < patience)
        {
            if (await holds())
            {
                return started.Elapsed;
            }

            await Task.Delay(100, TestContext.Current.CancellationToken);
        }

        Assert.Fail($"not within {patience.TotalSeconds:0} s: {await what()}");
        throw new UnreachableException();
    }
}
