using LvmMetadata.Tests.Support;
using OvirtSpm.LvmMetadata.Edit;
using OvirtSpm.LvmMetadata.Store;

namespace LvmMetadata.Tests;

/// <summary>A name or a tag that stock lvm2 would not read back never gets as far as a text.</summary>
public sealed class NameAndTagTests
{
    public static TheoryData<string, string> BadNames => new()
    {
        { "", "1 to" }, { new string('n', 129), "129" }, { "two words", "characters other" }, { "a/b", "characters other" }, { "ä", "characters other" }, { "line\n", "characters other" },
        { "quote\"", "characters other" }, { "-first", "hyphen" }, { ".", "nor be" }, { "..", "nor be" }, { "snapshot7", "reserved" }, { "pvmove0", "reserved" }, { "v_rimage_0", "reserved" },
        { "v_tdata", "reserved" },
    };

    public static TheoryData<string, string> BadTags => new()
    {
        { "", "empty" }, { new string('t', 4097), "4096" }, { "two words", "characters other" }, { "comma,", "characters other" }, { "quote\"", "characters other" }, { "back\\slash", "characters other" },
        { "ä", "characters other" }, { "\0", "characters other" }, { "line\n", "characters other" }, { "@group", "characters other" },
    };

    [Theory]
    [MemberData(nameof(BadNames))]
    public async Task A_name_outside_lvm2s_rules_is_refused_with_the_rule(string name, string rule)
    {
        var draft = await DraftAsync();
        Assert.Contains(rule, Assert.IsType<EditOutcome.Refused>(draft.CreateLinear(name, Lab.Uuid(7), 1, [], TestClock.Now, "host")).Reason, StringComparison.Ordinal);
        Assert.False(draft.HasChanges);
    }

    [Theory]
    [MemberData(nameof(BadTags))]
    public async Task A_tag_outside_lvm2s_rules_is_refused_wherever_it_would_go(string tag, string rule)
    {
        var draft = await DraftAsync();
        foreach (var outcome in new[]
        {
            draft.CreateLinear("new", Lab.Uuid(7), 1, ["good", tag], TestClock.Now, "host"), draft.ChangeTags("old", [], [tag]), draft.ChangeVgTags([], [tag]),
        })
        {
            Assert.Contains(rule, Assert.IsType<EditOutcome.Refused>(outcome).Reason, StringComparison.Ordinal);
        }
        Assert.False(draft.HasChanges);
    }

    private static async Task<VolumeGroupDraft> DraftAsync()
    {
        var pv = await Lab.NewGroupAsync();
        var store = await Lab.LeadAsync(pv, 2);
        Assert.IsType<CommitOutcome.Committed>(await store.CommitAsync(Lab.Create(store.Current, "old", 1), new TestGuard(2), "old"));
        return new VolumeGroupDraft(store.Current);
    }
}
