using OvirtSpm.LvmMetadata.Edit;
using OvirtSpm.Node.Pool;
using OvirtSpm.Node.Storage;
using OvirtSpm.Node.Tests.Storage;
using OvirtSpm.Volumes.Volume;

namespace OvirtSpm.Node.Tests.Pool;

public sealed class VolumeTableTests
{
    /// An extend looks up one volume. What it is told must not depend on whether all of them were walked through for it.
    [Fact]
    public async Task One_volume_is_found_as_it_stands_among_all_whatever_its_parent_is()
    {
        var term = await TestDomain.LeadAsync(await TestDomain.LunAsync());
        var (first, second, child) = (await term.CreateAsync(), await term.CreateAsync(), await term.CreateAsync());
        var volumes = term.Term.Volumes;
        await AgreeAsync(Guid.Empty, Guid.Empty, isBroken: false);
        await AgreeAsync(first, first, isBroken: false);
        await AgreeAsync(inTag: first, inSlot: second, isBroken: false); // a merge has written the slot, and not yet the tag
        await AgreeAsync(first, Guid.Parse("eeeeeeee-0000-0000-0000-000000000009"), isBroken: true);

        async Task AgreeAsync(Guid inTag, Guid inSlot, bool isBroken)
        {
            var before = volumes.Find(child)!;
            var result = await term.Term.Worker.SubmitAsync("parent", draft => draft.ChangeTags(
                $"{child}", draft.Find($"{child}")!.Tags.Where(tag => tag.StartsWith("PU_", StringComparison.Ordinal)), [$"PU_{inTag}"]));
            Assert.IsType<PoolResult.Done>(result);
            await new SlotStore(term.Domain.Slots, term.Domain.Uuid).WriteAsync(before.Tags.Slot!.Value, child, before.Slot! with { Parent = inSlot });
            await volumes.RefreshSlotAsync(before.Tags.Slot!.Value);

            var found = volumes.Find(child)!;
            Assert.Equal(volumes.View().Find($"{child}"), found);
            Assert.Equal((inSlot, isBroken), (found.Parent, found.Has(VolumeProblemKind.MissingParent)));
            Assert.Equal(found, volumes.Find($"{child}"));
        }
    }

    [Fact]
    public async Task The_whole_chain_below_a_volume_is_looked_up_with_it()
    {
        var term = await TestDomain.LeadAsync(await TestDomain.LunAsync());
        var top = await term.CreateAsync();
        for (var depth = 1; depth < 6; depth++)
        {
            var above = Guid.NewGuid();
            await term.Creation.CreateAsync(TestTerm.Request(above, bytes: 0) with { Parent = $"{top}" });
            top = above;
            var found = term.Term.Volumes.Find(top)!;
            Assert.True(found.IsUsable, string.Join("; ", found.Problems));
            Assert.Equal(depth + 1, term.Work.Chain(found).Count);
            Assert.Equal(term.Term.Volumes.View().Find($"{top}"), found);
        }
    }
}
