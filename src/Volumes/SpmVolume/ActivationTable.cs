using System.Collections.Immutable;

namespace OvirtSpm.Volumes.SpmVolume;

/// <summary>A host by which a volume is, or may be, in use.</summary>
public readonly record struct SlotUser(int Host, SlotUse Use);

/// <summary>The activation maps of all host ids, from one read of the region.</summary>
public sealed class ActivationTable
{
    private readonly ImmutableArray<HostActivations> _hosts;

    /// <summary>What each host's map was read from.</summary>
    private readonly ImmutableArray<byte[]> _sectors;

    private ActivationTable(ImmutableArray<HostActivations> hosts, ImmutableArray<byte[]> sectors) => (_hosts, _sectors) = (hosts, sectors);

    /// <param name="maps">The region of maps, at least <see cref="SpmLayout.ActivationMapBytes"/>; what could not be read as zeros.</param>
    /// <param name="last">An earlier table of the same pool: what did not change is not parsed again.</param>
    public static ActivationTable Read(SpmLayout layout, Guid pool, ReadOnlySpan<byte> maps, ActivationTable? last = null)
    {
        var bytes = layout.MapParts * layout.SectorSize;
        var hosts = ImmutableArray.CreateBuilder<HostActivations>(SpmLayout.Hosts);
        var kept = ImmutableArray.CreateBuilder<byte[]>(SpmLayout.Hosts);
        for (var host = 1; host <= SpmLayout.Hosts; host++)
        {
            var sectors = maps.Slice((host - 1) * bytes, bytes);
            var isSame = last is not null && sectors.SequenceEqual(last._sectors[host - 1]);
            hosts.Add(isSame ? last!.Of(host) : HostActivations.Read(layout, pool, host, sectors));
            kept.Add(isSame ? last!._sectors[host - 1] : sectors.ToArray());
        }

        return new(hosts.MoveToImmutable(), kept.MoveToImmutable());
    }

    public HostActivations Of(int host) => _hosts[host - 1];

    /// <summary>The hosts whose map cannot be believed, with the reason for each part.</summary>
    public IEnumerable<HostActivations> Unreadable => _hosts.Where(host => !host.IsReadable);

    /// <summary>Every host that uses the slot, or whose map is not readable there.</summary>
    public IReadOnlyList<SlotUser> UsersOf(int slot) =>
        [.. _hosts.Select(host => new SlotUser(host.Host, host.UseOf(slot))).Where(user => user.Use != SlotUse.Inactive)];

    /// <summary>
    /// R10: the extents of a volume may be freed when no map names it. R11: a map that cannot be read names every volume.
    /// Ask only after the commit that marked the volume as being removed is durable: an activation that began before it shows here,
    /// one that begins after it sees the mark.
    /// </summary>
    public bool MayRelease(int slot) => _hosts.All(host => host.UseOf(slot) == SlotUse.Inactive);

    /// <summary>R10: the other hosts that write to the volume, or may; an activation for writing that finds one backs off.</summary>
    public IReadOnlyList<SlotUser> OtherWriters(int slot, int self) =>
        [.. UsersOf(slot).Where(user => user.Host != self && user.Use is SlotUse.ReadWrite or SlotUse.Working or SlotUse.Unreadable)];
}
