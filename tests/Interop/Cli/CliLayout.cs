using OvirtSpm.Leases.OnDisk;
using OvirtSpm.LvmMetadata.Store;
using OvirtSpm.Node.Linux;
using OvirtSpm.Node.Storage;
using OvirtSpm.Volumes.Domain;
using OvirtSpm.Volumes.SpmVolume;
using OvirtSpm.Volumes.Volume;

namespace OvirtSpm.Interop.Cli;

/// <summary>Where things lie on a LUN with a domain, in bytes from its start.</summary>
sealed record CliLayout(string Domain, int SectorSize, long ExtentBytes, long FirstFreeByte, IReadOnlyDictionary<string, long> Special, SpmLayout Spm, IReadOnlyList<CopyReport> Copies)
{
    public static async Task<CliLayout> ReadAsync(CliLun lun, int? sectorSize = null)
    {
        using var device = Lun.Open(lun.Path, readOnly: true, sectorSize);
        var domain = await PoolDomain.OpenAsync(device);
        var pv = domain.Group.PhysicalVolumes[0];
        long At(long extent) => pv.ExtentStartBytes + extent * domain.Group.ExtentSizeBytes;
        var used = domain.Group.LogicalVolumes.SelectMany(lv => lv.Segments).Max(segment => segment.Areas[0].StartExtent + segment.ExtentCount);
        return new CliLayout(
            domain.Uuid.ToString(), device.SectorSize, domain.Group.ExtentSizeBytes, At(used),
            SpecialVolumes.InCreationOrder.ToDictionary(s => s.Name, s => At(domain.Group.Find(s.Name)!.Segments[0].Areas[0].StartExtent)),
            domain.Layout, (await MetadataReader.ReadAsync([device.Metadata])).Copies);
    }

    public long Ids => Special["ids"];

    public long HostId(int host) => Ids + (long)(host - 1) * SectorSize;

    public long SpmLease => Special["leases"] + DomainLimits.SpmLeaseSlot * DomainLimits.AlignmentBytes;

    public long Vote(int host) => SpmLease + LeaseGeometry.For(SectorSize, (int)DomainLimits.AlignmentBytes).VoteOffset(host);

    public long Superblock => Special["spm"];

    public long HostRecord(int host, int copy) => Special["spm"] + Spm.HostRecordOffsetBytes(host, copy);

    public long Map(int host, int part = 0) => Special["spm"] + Spm.MapOffsetBytes(host, part);

    public long Slot(int slot) => Special["metadata"] + SlotGeometry.OffsetBytes(slot);

    /// <param name="copy">0 or 1.</param>
    public long Header(int copy) => Copies[copy].AreaOffsetBytes;

    /// <summary>The live text, from its first byte.</summary>
    public (long OffsetBytes, int LengthBytes) Text(int copy) =>
        (Copies[copy].AreaOffsetBytes + Copies[copy].Location!.Value.OffsetBytes, (int)Copies[copy].Location!.Value.SizeBytes);
}
