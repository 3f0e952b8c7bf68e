using System.Collections.Concurrent;
using OvirtSpm.Node;
using OvirtSpm.Node.Storage;
using OvirtSpm.Simulation.Choices;

namespace OvirtSpm.Simulation.Pool;

/// <summary>A new domain as every world of one kind begins with it: made once, never changed, shared by all seeds.</summary>
internal static class DomainTemplate
{
    public const long LunBytes = 32L << 30;
    private static readonly ConcurrentDictionary<(int, int, int), Lazy<SparseBytes>> Made = [];

    public static SparseBytes Of(int sectorSize, int ioTimeoutSeconds, int watchdogTimeoutSeconds) =>
        Made.GetOrAdd((sectorSize, ioTimeoutSeconds, watchdogTimeoutSeconds), _ => new Lazy<SparseBytes>(
            () => Make(sectorSize, ioTimeoutSeconds, watchdogTimeoutSeconds))).Value;

    private static SparseBytes Make(int sectorSize, int ioTimeoutSeconds, int watchdogTimeoutSeconds)
    {
        var choice = new SeededChoice(1);
        var bytes = new SparseBytes(LunBytes);
        var disk = new SimDisk(sectorSize, bytes, new SimScheduler(choice), choice);
        var creator = new DomainCreator(new FormatLun(disk), new FixedClock(), choice, "simulation");
        creator.CreateAsync(new DomainOptions(
            RandomIdentity.Guid(choice), IoTimeoutSeconds: ioTimeoutSeconds, WatchdogTimeoutSeconds: watchdogTimeoutSeconds)).GetAwaiter().GetResult();
        return bytes;
    }

    private sealed class FixedClock : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => DateTimeOffset.UnixEpoch;
    }
}
