using OvirtSpm.Leases.OnDisk;

namespace OvirtSpm.Leases.Tests;

/// <summary>One way in which a sector can be wrong, and what must be said of it in each place.</summary>
/// <param name="InLeader">Why sector 0 of a resource is not believed then; None: it must be believed.</param>
/// <param name="InHost">The same for a host id's sector.</param>
/// <param name="InVote">The same for a vote.</param>
internal sealed record SectorDamage(string Name, RecordError? InLeader, RecordError? InHost, RecordError? InVote, Func<byte[], byte[]> Apply)
{
    private const RecordError Fine = RecordError.None;

    /// <summary>A null expectation: this damage makes no sense in that place.</summary>
    public static readonly IReadOnlyList<SectorDamage> All =
    [
        .. Enumerable.Range(1, 3).Select(seed => new SectorDamage($"random bytes {seed}", RecordError.WrongMagic, RecordError.WrongMagic, RecordError.WrongChecksum, _ =>
        {
            var bytes = new byte[512];
            new Random(seed).NextBytes(bytes);
            return bytes;
        })),
        new("zeros", RecordError.WrongMagic, RecordError.WrongMagic, Fine, _ => new byte[512]),
        new("ones", RecordError.WrongMagic, RecordError.WrongMagic, RecordError.WrongChecksum, _ => [.. Enumerable.Repeat((byte)0xFF, 512)]),
        Edited("another lockspace", RecordError.WrongLockspace, RecordError.WrongLockspace, leader => leader with { Lockspace = LeaseName.Of("LS2") }),
        Edited("another resource", RecordError.WrongResource, null, leader => leader with { Resource = LeaseName.Of("SDM2") }),
        Edited("written by sanlock 5", Fine, Fine, leader => leader with { Version = leader.Kind == LeaderKind.HostId ? 0x00050000u : 0x00070000u }),
        Edited("a later major", RecordError.WrongVersion, RecordError.WrongVersion, leader => leader with { Version = leader.Kind == LeaderKind.HostId ? 0x00060000u : 0x00080000u }),
        Edited("an older major", RecordError.WrongVersion, RecordError.WrongVersion, leader => leader with { Version = leader.Kind == LeaderKind.HostId ? 0x00020004u : 0x00050004u }),
        .. new[] { LeaderFlags.NoTimeout, LeaderFlags.DeadExternally, LeaderFlags.CompareAndWrite }.Select(flag =>
            Edited($"{flag}", RecordError.UnsupportedFlags, RecordError.UnsupportedFlags, leader => leader with { Flags = leader.Flags | flag, Version = leader.Kind == LeaderKind.HostId ? 0x00050000u : 0x00070000u })),
        Edited("sectors of 4096", RecordError.WrongGeometry, RecordError.WrongGeometry, leader => leader with { SectorSize = 4096, Flags = LeaderFlags.Align8M }),
        Edited("no alignment that exists", RecordError.WrongGeometry, RecordError.WrongGeometry, leader => leader with { Flags = LeaderFlags.Align2M }),
        Edited("no hosts", RecordError.WrongHostCount, null, leader => leader with { NumHosts = 0 }),
        Edited("more hosts than fit", RecordError.WrongHostCount, null, leader => leader with { NumHosts = 2001 }),
        Edited("an owner beyond all hosts", RecordError.WrongOwner, RecordError.WrongOwner, leader => leader with { OwnerId = 2001, Timestamp = 1 }),
        Edited("another host's", null, RecordError.WrongOwner, leader => leader with { OwnerId = leader.OwnerId + 1000, OwnerGeneration = 7, Timestamp = 9 }),
        new("cleared", RecordError.Cleared, RecordError.WrongMagic, null, old => [0x16, 0x20, 0x28, 0x11, .. old[4..]]),
        new("the other kind of record", RecordError.WrongMagic, RecordError.WrongMagic, null, old => [.. old[0] == 0x10 && old[1] == 0x20 && old[2] == 0x15 ? "\u0010 !\u0012"u8 : "\u0010 \u0015\u0006"u8, .. old[4..]]),
        new("torn: a half of the next record", RecordError.WrongChecksum, RecordError.WrongChecksum, null, old => [.. old[..40], (byte)(old[40] + 1), .. old[41..]]),
        new("torn: a half of the next vote", null, null, RecordError.WrongChecksum, old => [(byte)(old[0] + 1), .. old[1..]]),
        new("one bit of the checksum", RecordError.WrongChecksum, RecordError.WrongChecksum, null, old => [.. old[..168], (byte)(old[168] ^ 1), .. old[169..]]),
        new("torn: another second half", Fine, Fine, null, old => [.. old[..256], .. Enumerable.Repeat((byte)0xA5, 256)]),
    ];

    public override string ToString() => Name;

    /// <summary>A record with a right checksum that says something else.</summary>
    private static SectorDamage Edited(string name, RecordError? inLeader, RecordError? inHost, Func<LeaderRecord, LeaderRecord> change) => new(name, inLeader, inHost, null, old =>
    {
        var kind = LeaderRecord.TryParse(LeaderKind.HostId, old, out var record) == RecordError.None ? LeaderKind.HostId : LeaderKind.Resource;
        Assert.True(kind == LeaderKind.HostId || LeaderRecord.TryParse(kind, old, out record) == RecordError.None, name);
        var sector = new byte[512];
        change(record!).Format(sector);
        return sector;
    });
}
