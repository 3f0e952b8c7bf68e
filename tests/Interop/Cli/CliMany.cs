using System.Collections.Concurrent;

namespace OvirtSpm.Interop.Cli;

/// <summary>Independent cases side by side: most of each is waiting for a lease.</summary>
static class CliMany
{
    const int AtOnce = 5;

    /// <summary>Runs every case, then fails with all that failed.</summary>
    public static async Task EachAsync<T>(IEnumerable<T> cases, Func<T, Task> check)
    {
        var failures = new ConcurrentQueue<string>();
        await Parallel.ForEachAsync(cases, new ParallelOptions { MaxDegreeOfParallelism = AtOnce }, async (one, _) =>
        {
            try
            {
                await check(one);
            }
            catch (Exception failure)
            {
                failures.Enqueue($"── {one}\n{failure.Message}\n{failure.StackTrace}");
            }
        });
        Assert.True(failures.IsEmpty, $"{failures.Count} failed\n{string.Join("\n", failures)}");
    }
}
