using System.Diagnostics;
using OvirtSpm.Leases;
using OvirtSpm.Leases.HostId;
using OvirtSpm.Leases.Resource;

namespace OvirtSpm.SanlockInterop;

/// <summary>A process with a host of ours on each of several storages, which holds SDM on them until it is killed.</summary>
internal sealed class HoldingHost : IAsyncDisposable
{
    public const string Verb = "hold-until-killed";
    private const string Ready = "held";
    private readonly Process process;

    private HoldingHost(Process process) => this.process = process;

    /// <summary>Starts it; returns when it holds everything.</summary>
    public static async Task<HoldingHost> StartAsync(LeaseStorage[] storages, int hostId, LeaseTiming timing)
    {
        var program = Path.Combine(AppContext.BaseDirectory, "SanlockInterop");
        var host = new HoldingHost(Process.Start(new ProcessStartInfo(
            program, [Verb, $"{hostId}", $"{timing.IoTimeout.TotalSeconds}", .. storages.SelectMany(storage => new[] { storage.Path, $"{storage.SectorSize}", storage.LockspaceName })])
        {
            RedirectStandardOutput = true,
        })!);
        var said = await host.process.StandardOutput.ReadLineAsync().WaitAsync(TimeSpan.FromSeconds(60));
        Assert.Equal(Ready, said);
        return host;
    }

    public async Task KillAsync()
    {
        process.Kill();
        await process.WaitForExitAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (!process.HasExited)
        {
            await KillAsync();
        }

        process.Dispose();
    }

    /// <summary>The process itself.</summary>
    public static async Task<int> RunAsync(string[] arguments)
    {
        var hostId = int.Parse(arguments[0]);
        var timing = new LeaseTiming(TimeSpan.FromSeconds(int.Parse(arguments[1])), TimeSpan.FromSeconds(60));
        var hosts = arguments.Skip(2).Chunk(3).Select(place => new OurHost(place[0], int.Parse(place[1]), place[2], hostId, $"ours-{hostId}", timing)).ToList();
        var held = await Task.WhenAll(hosts.Select(async host =>
            await host.JoinAsync() is JoinOutcome.Joined && await host.Sdm.AcquireAsync(new(), CancellationToken.None) is AcquireOutcome.Acquired));
        Console.WriteLine(held.All(done => done) ? Ready : "not held");
        await Task.Delay(Timeout.Infinite);
        return 0;
    }
}
