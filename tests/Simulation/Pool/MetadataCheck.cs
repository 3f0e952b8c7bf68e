using OvirtSpm.LvmMetadata.Model;
using OvirtSpm.LvmMetadata.OnDisk;
using OvirtSpm.Volumes.Domain;

namespace OvirtSpm.Simulation.Pool;

/// <summary>What must hold of the volume group whenever a byte of its metadata lands.</summary>
/// <remarks>
/// <b>Lineage</b>: the (epoch, seqno) our reader chooses never goes back, grows by one inside an epoch and as R3 says across epochs.
/// <b>NoLateWrite</b>: no header of an epoch lands after one of a later epoch; where nothing can prevent that, one copy at most is harmed.
/// <b>StockReader</b> (C2): stock lvm2 (checksums and seqnos are all it knows) always finds one newest copy.
/// <b>Extents</b>: no extent is in two volumes. R4: no text lands over a text that a header names.
/// </remarks>
internal sealed class MetadataCheck
{
    private readonly PoolWorld world;
    private readonly MetadataImage[] images;
    private readonly Dictionary<MetadataImage, MetadataVersion> versionOf = [];

    /// <summary>Every version that landed in a copy: its other header decides nothing new.</summary>
    private readonly HashSet<MetadataVersion> landedBefore = [];
    private string?[] owners = [];

    /// <summary>The newest that was in every copy: before that nobody is told of it (R5).</summary>
    private MetadataVersion complete;

    public MetadataCheck(PoolWorld world, IEnumerable<DiskArea> areas)
    {
        this.world = world;
        images = [.. areas.Select(area => new MetadataImage(world.Disk, area))];
        foreach (var image in images)
        {
            image.Read(images[0]);
            versionOf[image] = image.Group!.Version;
        }

        Adopt(images[0].Group!);
    }

    public IReadOnlyList<MetadataImage> Images => images;

    /// <summary>What our reader chooses now.</summary>
    public VolumeGroup Newest { get; private set; } = null!;

    /// <summary>Told when another group becomes the newest: before, after.</summary>
    public Action<VolumeGroup, VolumeGroup>? Changed { get; set; }

    /// <summary>Headers of an older epoch that landed over a newer one.</summary>
    public int LateHeaders { get; private set; }

    public int Commits { get; private set; }

    public HashSet<ulong> Epochs { get; } = [];

    public bool IsHeader(long offset) => ImageOf(offset)?.Area.OffsetBytes == offset;

    public bool IsMetadata(long offset) => ImageOf(offset) is not null;

    /// <summary>The volume that has these bytes of the device; null when none has.</summary>
    public string? OwnerOf(long deviceOffset) =>
        (deviceOffset - Newest.PhysicalVolumes[0].ExtentStartBytes) / Newest.ExtentSizeBytes is var extent && extent >= 0 && extent < owners.Length
            ? owners[extent]
            : null;

    private MetadataImage? ImageOf(long offset)
    {
        foreach (var image in images)
        {
            if (image.Holds(offset))
            {
                return image;
            }
        }

        return null;
    }

    public void Landed(int host, long offset, int length, bool isForeign)
    {
        var image = ImageOf(offset)!;
        if (image.Area.OffsetBytes != offset)
        {
            if (image.IsLive(offset, length))
            {
                TextOverLive(image, host, offset);
            }

            return;
        }

        var before = image.Group;
        image.Read(images.First(other => other != image));
        Choose(image, before, host, isForeign);
    }

    private void TextOverLive(MetadataImage image, int host, long offset)
    {
        var before = image.Group;
        image.Read(null);
        if (image.Group is not null && before is not null)
        {
            return; // the same bytes again
        }

        world.Trace(host, $"a text at {offset} lands over the live one");
        if (!world.LateWritesMayLand)
        {
            world.Fail($"R4: host {host} wrote a text over the live one at {offset}");
        }

        Choose(image, before, host, isForeign: false);
    }

    private void Choose(MetadataImage image, VolumeGroup? before, int host, bool isForeign)
    {
        var stock = images.Where(i => i.Group is not null).OrderByDescending(i => i.Group!.Seqno).ToList();
        if (stock.Count == 0)
        {
            world.Fail($"C2 StockReader: no copy can be read after host {host} wrote");
            return;
        }

        if (stock is [var one, var two] && one.Group!.Seqno == two.Group!.Seqno && one.Location!.Value.Crc != two.Location!.Value.Crc)
        {
            world.Fail($"C2 StockReader: both copies have seqno {one.Group.Seqno} with different contents");
        }

        if (image.Group is { } landed)
        {
            CheckVersion(image, landed, host, isForeign);
        }

        var best = stock.MaxBy(i => i.Group!.Version)!.Group!;
        if (best.Version < Newest.Version && world.LateWritesMayLand && best.Version >= complete)
        {
            // Between the two headers of a commit a late one took the first back: the old group is chosen again, as after a crash there.
            world.Trace(host, $"the late header takes {Newest.Version} back, which nobody was told of");
            Adopt(best);
        }
        else if (best.Version < Newest.Version)
        {
            world.Fail($"Lineage: {Newest.Version} was on disk, now {best.Version} is chosen (was {before?.Version})");
        }
        else if (best.Version > Newest.Version)
        {
            Adopt(best);
        }

        if (stock.Count == images.Length && stock.Min(i => i.Group!.Version) is var everywhere && everywhere > complete)
        {
            complete = everywhere;
        }
    }

    private void CheckVersion(MetadataImage image, VolumeGroup landed, int host, bool isForeign)
    {
        var (version, newest) = (landed.Version, Newest.Version);
        world.Trace(host, $"header {Array.IndexOf(images, image) + 1}: {version}{(isForeign ? ", foreign" : "")}");
        if (version.Epoch < newest.Epoch || version < versionOf[image])
        {
            LateHeaders++;
            if (!world.LateWritesMayLand)
            {
                world.Fail($"NoLateWrite: host {host} wrote the header of {version} after {newest} was there");
            }
        }
        else if (version.Epoch == newest.Epoch && version.Seqno > newest.Seqno + 1)
        {
            world.Fail($"Lineage: {version} follows {newest} inside one epoch");
        }
        // The one commit that a predecessor had under way may land between the takeover's reading and its header: R3 left room for it.
        else if (version.Epoch > newest.Epoch && !landedBefore.Contains(version)
            && version.Seqno + (world.LateWritesMayLand ? 1u : 0) < newest.Seqno + (2 * (version.Epoch - newest.Epoch)))
        {
            world.Fail($"Lineage, R3: {version} follows {newest}, so a late commit of epoch {newest.Epoch} could have the same seqno");
        }

        versionOf[image] = version;
        landedBefore.Add(version);
    }

    private void Adopt(VolumeGroup group)
    {
        var before = Newest;
        Newest = group;
        Commits++;
        Epochs.Add(group.Version.Epoch);
        var now = new string?[group.PhysicalVolumes[0].ExtentCount];
        foreach (var lv in group.LogicalVolumes)
        {
            foreach (var segment in lv.Segments)
            {
                for (var extent = segment.Areas[0].StartExtent; extent < segment.Areas[0].StartExtent + segment.ExtentCount; extent++)
                {
                    if (now[extent] is { } other)
                    {
                        world.Fail($"Extents: extent {extent} is in {other} and in {lv.Name} in {group.Version}");
                    }

                    now[extent] = lv.Name;
                }
            }
        }

        owners = now;
        if (before is not null)
        {
            Changed?.Invoke(before, group);
        }
    }

    /// <summary>Volumes of guests, without those that are the domain's own.</summary>
    public static IEnumerable<LogicalVolume> VolumesOf(VolumeGroup group) => group.LogicalVolumes.Where(lv => !SpecialVolumes.IsSpecial(lv.Name));
}
