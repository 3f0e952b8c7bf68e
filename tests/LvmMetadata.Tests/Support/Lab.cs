using OvirtSpm.LvmMetadata.Edit;
using OvirtSpm.LvmMetadata.Model;
using OvirtSpm.LvmMetadata.OnDisk;
using OvirtSpm.LvmMetadata.Store;

namespace LvmMetadata.Tests.Support;

/// <summary>Groups, leaders and foreign writers for tests.</summary>
public static class Lab
{
    public static async Task<MemoryPv> NewGroupAsync(int sectorSize = 512, long areaBytes = 4 << 20, int copies = 2, ulong? epoch = 1)
    {
        var pv = new MemoryPv(1L << 30, sectorSize);
        var created = await VolumeGroupFormat.CreateAsync(
            pv,
            new VgCreateOptions
            {
                Name = "vg",
                VgUuid = Uuid(1),
                PvUuid = Uuid(2),
                ExtentSizeBytes = 4 << 20,
                MetadataAreaBytes = areaBytes,
                Copies = copies,
                Epoch = epoch,
            },
            TestClock.Now,
            "host");
        Assert.IsType<FormatOutcome.Created>(created);
        return pv;
    }

    public static async Task<MetadataStore> LeadAsync(MemoryPv pv, ulong epoch)
    {
        var opened = Assert.IsType<OpenOutcome.Opened>(await MetadataStore.OpenAsync([pv], new TestClock(), "host"));
        var outcome = await opened.Store.TakeOverAsync(new TestGuard(epoch));
        Assert.True(outcome is TakeOverOutcome.TakenOver, outcome.ToString());
        return opened.Store;
    }

    public static VolumeGroupDraft Create(VolumeGroup group, string name, long extents, int tagBytes = 0)
    {
        var draft = new VolumeGroupDraft(group);
        var tags = Enumerable.Range(0, (tagBytes + 3999) / 4000).Select(i => $"{i}" + new string('t', Math.Min(4000, tagBytes))).ToList();
        var outcome = draft.CreateLinear(name, Uuid(1000 + group.LogicalVolumes.Length), extents, tags, TestClock.Now, "host");
        Assert.IsType<EditOutcome.Done>(outcome);
        return draft;
    }

    public static byte[] TextOf(VolumeGroup group)
    {
        var text = new byte[group.TextLength];
        Assert.Equal(text.Length, group.WriteText(text));
        return text;
    }

    /// <summary>As stock lvm2 does it: the next seqno in both copies, right behind the live text, private keys dropped.</summary>
    public static async Task ForeignWriteAsync(MemoryPv pv, VolumeGroupDraft draft)
    {
        var read = await MetadataReader.ReadAsync([pv]);
        var built = draft.Build(read.Group!.Seqno + 1, read.Group.Epoch ?? 0, TestClock.Now, "lvchange", "stock");
        var plain = System.Text.Encoding.ASCII.GetString(TextOf(built)).Replace($"\nspm_epoch = {built.Epoch}", "", StringComparison.Ordinal);
        var bytes = System.Text.Encoding.ASCII.GetBytes(plain + "\0");
        foreach (var copy in read.Copies)
        {
            var live = copy.Location!.Value;
            var place = new MetadataRing(copy.AreaSizeBytes, 512).Next(live, bytes.Length)!.Value;
            pv.Poke(copy.AreaOffsetBytes + place, bytes);
            var header = new byte[512];
            new MdaHeader(copy.AreaOffsetBytes, copy.AreaSizeBytes, new TextLocation(place, bytes.Length, LvmCrc.Compute(bytes), 0), default).Format(header);
            pv.Poke(copy.AreaOffsetBytes, header);
        }
    }

    public static bool IsHeader(PvIo io) => io.Data.Length >= 20 && io.Data.AsSpan(4, 16).SequenceEqual(MdaHeader.Magic);

    public static LvmUuid Uuid(int seed)
    {
        var bytes = new byte[LvmUuid.Length];
        new Random(seed).NextBytes(bytes);
        return LvmUuid.FromRandomBytes(bytes);
    }
}
