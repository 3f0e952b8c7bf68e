using System.Text;
using LvmMetadata.Tests.Support;
using OvirtSpm.LvmMetadata.Edit;
using OvirtSpm.LvmMetadata.Model;
using OvirtSpm.LvmMetadata.Store;

namespace LvmMetadata.Tests;

/// <summary>The system id, and the words of lvm2 that go with it.</summary>
public sealed class DraftOwnerTests
{
    /// f03 has a read-only volume: it must not become writable on the way back.
    [Theory]
    [InlineData("f01-single-pv")]
    [InlineData("f03-tags")]
    [InlineData("f04-multiseg")]
    [InlineData("f05-snapshots")]
    public async Task A_system_id_comes_and_goes_and_leaves_every_other_byte(string fixture)
    {
        var group = (await MetadataReader.ReadAsync(new FixtureFolder(fixture).Pvs())).Group!;
        var plain = Built(new VolumeGroupDraft(group));
        var draft = new VolumeGroupDraft(plain);
        Assert.IsType<EditOutcome.Done>(draft.SetSystemId("ovirt-spm.1"));
        Assert.True(draft.HasChanges);
        Assert.IsType<EditOutcome.AlreadyThere>(draft.SetSystemId("ovirt-spm.1"));
        var named = Built(draft);
        Assert.Equal("ovirt-spm.1", named.SystemId);
        Assert.Contains("NOAUTOACTIVATE", named.Flags);
        Assert.DoesNotContain("\"WRITE\"", Text(named), StringComparison.Ordinal);
        Assert.Equal(plain.LogicalVolumes.Select(lv => lv.Status.Contains("WRITE")), named.LogicalVolumes.Select(lv => lv.Flags.Contains("WRITE_LOCKED")));
        AssertAsParsed(named);

        var back = new VolumeGroupDraft(named);
        Assert.IsType<EditOutcome.Done>(back.SetSystemId(""));
        var again = Built(back);
        AssertAsParsed(again);
        // What nobody takes back: lvm2 activates no volume by itself.
        Assert.Equal([.. plain.Flags, "NOAUTOACTIVATE"], again.Flags.AsEnumerable());
        Assert.Equal(Text(plain), Text(again).Replace("flags = [\"NOAUTOACTIVATE\"]\n", "flags = []\n", StringComparison.Ordinal));
    }

    /// Requests that came together become one commit: a volume made beside the change must speak as the others do.
    [Fact]
    public async Task Volumes_of_the_same_batch_are_changed_and_made_in_the_new_words()
    {
        var group = (await MetadataReader.ReadAsync(new FixtureFolder("f01-single-pv").Pvs())).Group!;
        var draft = new VolumeGroupDraft(group);
        Assert.IsType<EditOutcome.Done>(draft.CreateLinear("before", Lab.Uuid(900), 1, ["t"], TestClock.Now, "h"));
        Assert.IsType<EditOutcome.Done>(draft.Remove(group.LogicalVolumes[0].Name));
        Assert.IsType<EditOutcome.Done>(draft.SetSystemId("me"));
        Assert.IsType<EditOutcome.Done>(draft.CreateLinear("after", Lab.Uuid(901), 1, ["t"], TestClock.Now, "h"));
        Assert.IsType<EditOutcome.Done>(draft.Extend("before", 2));
        var built = Built(draft);
        Assert.All(built.LogicalVolumes, lv => Assert.Equal((false, true), (lv.Status.Contains("WRITE"), lv.Flags.Contains("WRITE_LOCKED"))));
        AssertAsParsed(built);
        Assert.Equal(["READ", "VISIBLE"], built.Find("after")!.Status);

        var off = new VolumeGroupDraft(built);
        Assert.IsType<EditOutcome.Done>(off.SetSystemId(""));
        Assert.IsType<EditOutcome.Done>(off.CreateLinear("plain", Lab.Uuid(902), 1, [], TestClock.Now, "h"));
        Assert.All(Built(off).LogicalVolumes, lv => Assert.Equal((true, false), (lv.Status.Contains("WRITE"), lv.Flags.Contains("WRITE_LOCKED"))));
    }

    [Fact]
    public async Task What_lvm2_itself_marked_is_unmarked_and_its_read_only_volume_stays_read_only()
    {
        var group = (await MetadataReader.ReadAsync(new FixtureFolder("f12-system-id").Pvs())).Group!;
        Assert.Equal("spm-pool-1", group.SystemId);
        var draft = new VolumeGroupDraft(group);
        Assert.IsType<EditOutcome.Done>(draft.SetSystemId(""));
        var built = Built(draft);
        AssertAsParsed(built);
        Assert.Equal(["RESIZEABLE", "READ", "WRITE"], built.Status.AsEnumerable());
        Assert.Equal(["NOAUTOACTIVATE"], built.Flags.AsEnumerable());
        Assert.Equal(["READ", "WRITE", "VISIBLE"], built.Find("lv1")!.Status);
        Assert.Equal(["ACTIVATION_SKIP", "NOAUTOACTIVATE"], built.Find("lv1")!.Flags);
        Assert.Equal(["READ", "VISIBLE"], built.Find("lvro")!.Status);
    }

    [Theory]
    [InlineData("localhost.1")]
    [InlineData("two words")]
    [InlineData("-x")]
    public async Task An_id_that_lvm2_would_read_as_another_one_is_refused(string id)
    {
        var draft = new VolumeGroupDraft((await MetadataReader.ReadAsync(new FixtureFolder("f01-single-pv").Pvs())).Group!);
        Assert.IsType<EditOutcome.Refused>(draft.SetSystemId(id));
        Assert.False(draft.HasChanges);
    }

    private static VolumeGroup Built(VolumeGroupDraft draft) => draft.Build(draft.From.Seqno, 3, TestClock.Now, "test", "host");

    private static string Text(VolumeGroup group) => Encoding.ASCII.GetString(Lab.TextOf(group));

    /// <summary>The values of a built group are those that its text has.</summary>
    private static void AssertAsParsed(VolumeGroup built)
    {
        Assert.Null(VolumeGroup.TryParse(Encoding.ASCII.GetBytes(Text(built)), out var parsed));
        Assert.Null(parsed!.WriteRefusal);
        Assert.Equal(built.SystemId, parsed.SystemId);
        Assert.Equal(built.Status.AsEnumerable(), parsed.Status);
        Assert.Equal(built.Flags.AsEnumerable(), parsed.Flags);
        Assert.Equal(built.LogicalVolumes.SelectMany(lv => lv.Status.Append(lv.Name)), parsed.LogicalVolumes.SelectMany(lv => lv.Status.Append(lv.Name)));
        Assert.Equal(built.LogicalVolumes.SelectMany(lv => lv.Flags.Append(lv.Name)), parsed.LogicalVolumes.SelectMany(lv => lv.Flags.Append(lv.Name)));
    }
}
