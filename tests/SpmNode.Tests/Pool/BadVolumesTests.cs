using OvirtSpm.LvmMetadata.Model;
using OvirtSpm.Node.Api;
using OvirtSpm.Node.Pool;
using OvirtSpm.Node.Storage;
using OvirtSpm.Node.Tests.Guests;
using OvirtSpm.Node.Tests.Storage;
using OvirtSpm.Volumes.SpmVolume;
using OvirtSpm.Volumes.Volume;

namespace OvirtSpm.Node.Tests.Pool;

/// <summary>Volumes that contradict themselves or each other: each verb says what is wrong, and not an extent, tag or slot changes.</summary>
public sealed class BadVolumesTests
{
    static readonly Guid Nobody = Guid.Parse("eeeeeeee-0000-0000-0000-000000000009");

    /// <param name="Make">Turns two good volumes, the second a snapshot of the first, into what the name says.</param>
    /// <param name="Said">What every verb on the second one says.</param>
    sealed record Bad(string Name, Func<TestTerm, Guid, Guid, Task> Make, params string[] Said);

    static readonly Bad[] Kinds =
    [
        new("a chain with a loop", async (term, below, above) => await TextAsync(term, below, slot => slot with { Parent = above }), "comes back to", "PUUID"),
        new("a missing parent", async (term, _, above) => await TextAsync(term, above, slot => slot with { Parent = Nobody }), $"parent {Nobody} is not in this domain"),
        new("two volumes in one slot", async (term, below, above) => await TagAsync(term, above, "MD_", $"MD_{term.Term.Volumes.Find(below)!.Tags.Slot}"), "is also named by", "decide"),
        new("a slot of another image", async (term, _, above) => await TextAsync(term, above, slot => slot with { Image = Nobody }), "written for another volume"),
        new("a slot of another domain", async (term, _, above) => await TextAsync(term, above, slot => slot with { Domain = Nobody }), "of domain", "another volume"),
        new("no slot", async (term, _, above) => await TagAsync(term, above, "MD_"), "lacks the tag(s) MD_"),
        new("two slots", async (term, _, above) => await TagAsync(term, above, "nothing", "MD_77"), "contradicts another tag"),
        new("a slot that does not exist", async (term, _, above) => await TagAsync(term, above, "MD_", "MD_1948"), "malformed"),
        new("a parent that is no uuid", async (term, _, above) => await TagAsync(term, above, "PU_", "PU_me"), "malformed"),
        new("an unfinished change", async (term, _, above) => await TextAsync(term, above, slot => slot with { Legality = VolumeLegality.Illegal }), "ILLEGAL"),
        new("a raw volume with a parent", async (term, _, above) => await TextAsync(term, above, slot => slot with { Format = VolumeFormat.Raw }), "a raw volume cannot have"),
    ];

    [Fact]
    public async Task Every_verb_says_what_is_wrong_and_changes_nothing()
    {
        foreach (var bad in Kinds)
        {
            var term = await TestDomain.LeadAsync(await TestDomain.LunAsync());
            var (below, above) = (await term.CreateAsync(), Guid.NewGuid());
            await term.Creation.CreateAsync(TestTerm.Request(above, bytes: 0) with { Parent = $"{below}" });
            await bad.Make(term, below, above);
            // Long-lived knowledge is not asked for: the next SPM reads it as it lies there.
            await term.EndAsync();
            term = await TestDomain.LeadAsync(term.Lun.OpenAgain(), epoch: 3);
            var before = What(term.Term.Volumes.Group);
            var slots = term.Lun.Peek(SlotsOf(term), 16 * SlotGeometry.StrideBytes);

            foreach (var (verb, act) in new (string, Func<Task>)[]
            {
                ("extend", () => term.Extension.ExtendAsync($"{above}", new ExtendVolumeRequest(512 << 20, null, null, null))),
                ("reduce", () => term.Images.ChangeAsync($"{above}", new VolumeChange.Reduce(), null, CancellationToken.None)),
                ("merge", () => term.Images.ChangeAsync($"{above}", new VolumeChange.Merge(), null, CancellationToken.None)),
                ("template", () => term.Images.ChangeAsync($"{above}", new VolumeChange.Share(), null, CancellationToken.None)),
                ("snapshot", () => term.Creation.CreateAsync(TestTerm.Request(Guid.NewGuid(), bytes: 0) with { Parent = $"{above}" })),
                ("activate", async () => await (await TestHost.JoinAsync(term.Lun.OpenAgain(), 3)).Activator.ActivateAsync($"{above}", readOnly: false)),
            })
            {
                var message = await Record.ExceptionAsync(act) switch
                {
                    Refusal refused => refused.Message,
                    var other => $"no refusal: {other?.ToString() ?? "done"}",
                };
                Assert.True(bad.Said.All(words => message.Contains(words, StringComparison.OrdinalIgnoreCase)), $"{bad.Name}, {verb}: {message}");
            }
            Assert.Equal(before, What(term.Term.Volumes.Group));
            Assert.Equal(slots, term.Lun.Peek(SlotsOf(term), slots.Length));
            await term.EndAsync();
        }
    }

    [Theory]
    [InlineData(ActivationMode.ReadOnly)]
    [InlineData(ActivationMode.ReadWrite)]
    [InlineData(ActivationMode.Working)]
    public async Task A_volume_in_any_hosts_map_is_neither_deleted_nor_reduced_nor_merged(ActivationMode mode)
    {
        var term = await TestDomain.LeadAsync(await TestDomain.LunAsync());
        var (below, above) = (await term.CreateAsync(), Guid.NewGuid());
        await term.Creation.CreateAsync(TestTerm.Request(above, bytes: 0) with { Parent = $"{below}" });
        await term.MapsOf(77).SetAsync(term.Term.Volumes.Find(above)!.Tags.Slot!.Value, mode, 1);
        var before = What(term.Term.Volumes.Group);
        foreach (var act in new Func<Task>[]
        {
            () => term.Removal.DeleteAsync($"{above}"),
            () => term.Images.ChangeAsync($"{above}", new VolumeChange.Reduce(), null, CancellationToken.None),
            () => term.Images.ChangeAsync($"{above}", new VolumeChange.Merge(), null, CancellationToken.None),
        })
        {
            Assert.Contains("active on host 77", (await Assert.ThrowsAsync<Refusal>(act)).Message, StringComparison.Ordinal);
        }
        Assert.Equal(before, What(term.Term.Volumes.Group));
        await term.EndAsync();
    }

    [Fact]
    public async Task A_raw_disk_whose_LV_was_cut_is_not_given_to_a_guest_nor_extents_with_what_others_left_in_them()
    {
        var term = await TestDomain.LeadAsync(await TestDomain.LunAsync());
        var disk = await term.CreateAsync("raw", 512L << 20);
        Assert.IsType<PoolResult.Done>(await term.Term.Worker.SubmitAsync("cut", draft => draft.Reduce($"{disk}", 2)));
        var host = await TestHost.JoinAsync(term.Lun.OpenAgain(), 3);
        foreach (var act in new Func<Task>[]
        {
            () => host.Activator.ActivateAsync($"{disk}", readOnly: true),
            () => host.Activator.ActivateAsync($"{disk}", readOnly: false),
            () => term.Extension.ExtendAsync($"{disk}", new ExtendVolumeRequest(512L << 20, null, null, null)),
            () => term.Extension.ExtendAsync($"{disk}", new ExtendVolumeRequest(1L << 30, null, null, null)),
        })
        {
            var refused = await Assert.ThrowsAsync<Refusal>(act);
            Assert.All(["512 MiB", "256 MiB", "spm metadata restore"], words => Assert.Contains(words, refused.Message, StringComparison.Ordinal));
        }
        Assert.Equal(256L << 20, term.Term.Volumes.Find(disk)!.AllocatedBytes);
        await term.EndAsync();
    }

    [Fact]
    public async Task A_thin_disk_whose_LV_is_longer_than_it_can_need_is_named_and_given_no_more()
    {
        var term = await TestDomain.LeadAsync(await TestDomain.LunAsync());
        var disk = await term.CreateAsync(bytes: 1L << 30);
        Assert.IsType<PoolResult.Done>(await term.Term.Worker.SubmitAsync("grow", draft => draft.Extend($"{disk}", 10)));
        var found = term.Term.Volumes.Find(disk)!;
        Assert.Contains(found.Problems, problem => problem.Kind == VolumeProblemKind.SizeMismatch && problem.Text.Contains("1.25 GiB", StringComparison.Ordinal) && problem.Text.Contains("1.12 GiB", StringComparison.Ordinal));
        var refused = await Assert.ThrowsAsync<Refusal>(() => term.Extension.ExtendAsync($"{disk}", new ExtendVolumeRequest(2L << 30, null, null, null)));
        Assert.Contains("at most", refused.Message, StringComparison.Ordinal);
        await term.EndAsync();
    }

    static async Task TextAsync(TestTerm term, Guid volume, Func<VolumeSlot, VolumeSlot> change)
    {
        var found = term.Term.Volumes.Find(volume)!;
        await new SlotStore(term.Domain.Slots, term.Domain.Uuid).WriteAsync(found.Tags.Slot!.Value, volume, change(found.Slot!));
    }

    static async Task TagAsync(TestTerm term, Guid volume, string prefix, params string[] instead) => Assert.IsType<PoolResult.Done>(
        await term.Term.Worker.SubmitAsync("tags", draft => draft.ChangeTags(
            $"{volume}", draft.Find($"{volume}")!.Tags.Where(tag => tag.StartsWith(prefix, StringComparison.Ordinal)), instead)));

    static string What(VolumeGroup group) => string.Join('\n', group.LogicalVolumes.Select(lv => $"{lv.Name} {lv.ExtentCount} {string.Join(' ', lv.Tags)}"));

    static long SlotsOf(TestTerm term) =>
        term.Domain.Group.PhysicalVolumes[0].ExtentStartBytes + (term.Domain.Group.Find("metadata")!.Segments[0].Areas[0].StartExtent * term.Domain.Group.ExtentSizeBytes) + SlotGeometry.OffsetBytes(1);
}
