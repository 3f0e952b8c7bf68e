using System.Diagnostics;

namespace OvirtSpm.SanlockInterop;

internal static class Until
{
    /// <summary>Asks another process again and again: there is no event to wait for between processes.</summary>
    public static async Task HoldsAsync(string what, TimeSpan limit, Func<Task<bool>> holds)
    {
        var clock = Stopwatch.StartNew();
        while (!await holds())
        {
            Assert.True(clock.Elapsed < limit, $"not within {limit.TotalSeconds:0} s: {what}");
            await Task.Delay(50);
        }
    }
}
