using OvirtSpm.LvmMetadata.Model;
using OvirtSpm.Node.Api;
using OvirtSpm.Node.Storage;
using OvirtSpm.Node.Tests.Storage;
using OvirtSpm.Volumes.Journal;
using OvirtSpm.Volumes.Volume;

namespace OvirtSpm.Node.Tests.Pool.Recovery;

/// <summary>For every operation, and every write of it: the SPM dies there, another one leads, and the operation is done or never happened.</summary>
public sealed class CrashTests
{
    const long Extent = 128L << 20;
    static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);
    static readonly Guid volume = Guid.Parse("eeeeeeee-0000-0000-0000-000000000001");
    static readonly Guid below = Guid.Parse("dddddddd-0000-0000-0000-000000000001"), above = Guid.Parse("ffffffff-0000-0000-0000-000000000001");
    static readonly RequestId request = new(7, Guid.Parse("0f8fad5b-d9cb-469f-a165-70867728950e"), 1);

    public static TheoryData<string> Operations => ["create cow", "create raw", "create snapshot", "remove", "remove wiped", "extend cow", "extend raw", "merge leaf", "merge middle", "resize"];

    [Theory]
    [MemberData(nameof(Operations))]
    public async Task Wherever_the_SPM_dies_the_next_one_brings_the_operation_to_an_end(string operation)
    {
        var whole = await PreparedAsync(operation);
        var before = whole.Lun.Writes;
        await ActAsync(whole, operation);
        var writes = whole.Lun.Writes - before;
        Assert.InRange(writes, 5, 80);
        var (done, undone) = (0, 0);
        for (var after = 0; after <= writes; after++)
        {
            var at = $"{operation}, {after} of {writes} writes";
            var dying = await PreparedAsync(operation);
            var place = dying.Term.Volumes.Find(volume) is { } there ? dying.Work.Layer(there).Segments[0].PvOffsetBytes : 0;
            dying.Lun.DiesAfter = dying.Lun.Writes + after;
            var told = await Record.ExceptionAsync(() => ActAsync(dying, operation).WaitAsync(Patience));
            Assert.True(told is null or Refusal or IOException, $"{at}: {told}");

            var disk = dying.Lun.Copy();
            var happened = await AfterAsync(disk, operation, at);
            if (operation == "remove wiped" && happened)
            {
                Assert.True(disk.Peek(place, MarkingImager.Mark.Length).AsSpan().IndexOfAnyExcept((byte)0) < 0, $"{at}: it was freed, and what it held can still be read");
            }
            Assert.True(told is not null || happened, $"{at}: it was acknowledged and did not happen");
            Assert.True(after > 0 || !happened, at);
            (done, undone) = happened ? (done + 1, undone) : (done, undone + 1);
        }
        Assert.True(done > 1 && undone > 1, $"{operation}: {done} done, {undone} undone");
    }

    /// <returns>Whether it happened.</returns>
    static async Task<bool> AfterAsync(MemoryLun disk, string operation, string at)
    {
        var next = await TestDomain.LeadAsync(disk, epoch: 3, host: 2);
        await next.Recovery.TryAllAsync(CancellationToken.None);
        // What waits for the dead host's map entry ends when that host is back (R11).
        await new ActivationMaps(next.Domain, 1, TestDomain.ThisMachine).AdoptAsync(2);
        await next.Recovery.TryAllAsync(CancellationToken.None);
        Assert.True(next.Term.Journal.Open.IsEmpty, $"{at}: {string.Join("; ", next.Notes)}");
        Assert.Empty(next.Term.Journal.Damage);

        var happened = Happened(next, operation);
        CheckExtents(next.Term.Volumes.Group, at);
        Assert.All(next.Term.Volumes.View().Volumes, left => Assert.True(left.IsUsable, $"{at}: {left.Name} {string.Join("; ", left.Problems)}"));
        await CheckChainAsync(next, operation, at);
        await CheckToldAsync(next, operation, happened, at);
        await next.EndAsync();

        // And once more: nothing is open, the answer is kept.
        var third = await TestDomain.LeadAsync(disk, epoch: 4, host: 3);
        Assert.True(third.Term.Journal.Open.IsEmpty, at);
        Assert.Equal(happened, Happened(third, operation));
        await CheckToldAsync(third, operation, happened, at);
        return happened;
    }

    /// <summary>R24: whoever asks again learns what became of it; an id that was never written down is new, and is done now.</summary>
    static async Task CheckToldAsync(TestTerm next, string operation, bool happened, string at)
    {
        switch (next.Term.Journal.Find(request).Answer?.Outcome)
        {
            case OperationOutcome.Done:
                Assert.True(happened, at);
                await ActAsync(next, operation);
                break;
            case OperationOutcome.Undone:
                Assert.False(happened, at);
                Assert.Equal(RefusalCode.Conflict, (await Assert.ThrowsAsync<Refusal>(() => ActAsync(next, operation))).Code);
                break;
            default:
                // Never begun, or it changed nothing.
                Assert.False(happened, at);
                break;
        }
        Assert.Equal(happened, Happened(next, operation));
    }

    static bool Happened(TestTerm term, string operation) => (operation, term.Term.Volumes.Find(volume)) switch
    {
        ("remove" or "remove wiped", var left) => left is null,
        ("extend cow", var grown) => grown!.AllocatedBytes == 3 * Extent,
        ("extend raw", var grown) => grown!.Slot!.CapacityBytes == 3 * Extent,
        ("merge leaf" or "merge middle", var merged) => merged is null,
        ("resize", var larger) => larger!.Slot!.CapacityBytes == 2L << 30,
        (_, var made) => made is not null,
    };

    /// <summary>Not a byte of a chain is lost or seen twice, and every slot says where its volume stands.</summary>
    static async Task CheckChainAsync(TestTerm term, string operation, string at)
    {
        var all = term.Term.Volumes.View().Volumes;
        Assert.All(all, left => Assert.Equal(
            ImageChain.ChildrenOf(left.Uuid, all).IsEmpty ? VolumeRole.Leaf : VolumeRole.Internal, left.Slot!.Role));
        if (operation.StartsWith("merge", StringComparison.Ordinal))
        {
            var top = term.Term.Volumes.Find(above) ?? term.Term.Volumes.Find(volume) ?? term.Term.Volumes.Find(below)!;
            byte[] expected = operation == "merge middle" ? [1, 2, 3, 0] : [1, 2, 1, 0];
            Assert.Equal(expected, (await term.Cells.ReadAsync([.. term.Work.Chain(top).Select(term.Work.Layer)])).Take(4));
        }
    }

    static void CheckExtents(VolumeGroup group, string at)
    {
        var owners = new Dictionary<(int, long), string>();
        foreach (var lv in group.LogicalVolumes)
        {
            foreach (var segment in lv.Segments)
            {
                for (var i = 0L; i < segment.ExtentCount; i++)
                {
                    Assert.True(owners.TryAdd((segment.Areas[0].PvIndex, segment.Areas[0].StartExtent + i), lv.Name), $"{at}: an extent has two owners");
                }
            }
        }
        Assert.Equal(group.TotalExtents - group.FreeExtents, owners.Count);
    }

    static async Task<TestTerm> PreparedAsync(string operation)
    {
        var term = await TestDomain.LeadAsync(await TestDomain.LunAsync());
        if (operation is "create snapshot" || operation.StartsWith("merge", StringComparison.Ordinal))
        {
            // Cells 0 to 2 are written in the base, one in each volume above.
            await term.Creation.CreateAsync(TestTerm.Request(below));
            await WriteAsync(term, below, [1, 1, 1]);
        }
        if (operation.StartsWith("merge", StringComparison.Ordinal))
        {
            await term.Creation.CreateAsync(TestTerm.Request(volume, bytes: 0) with { Parent = $"{below}" });
            await WriteAsync(term, volume, [0, 2, 0]);
            if (operation == "merge middle")
            {
                await term.Creation.CreateAsync(TestTerm.Request(above, bytes: 0) with { Parent = $"{volume}" });
                await WriteAsync(term, above, [0, 0, 3]);
            }
        }
        else if (!operation.StartsWith("create", StringComparison.Ordinal))
        {
            await term.Creation.CreateAsync(TestTerm.Request(volume, operation == "extend raw" ? "raw" : "cow", operation == "extend raw" ? Extent : 1L << 30));
        }
        return term;
    }

    static async Task WriteAsync(TestTerm term, Guid image, byte[] cells)
    {
        var layer = term.Work.Layer(term.Term.Volumes.Find(image)!);
        foreach (var (cell, value) in cells.Index().Where(c => c.Item > 0))
        {
            await term.Cells.WriteAsync(layer, cell, value);
        }
    }

    static Task ActAsync(TestTerm term, string operation) => operation switch
    {
        "create cow" => term.CreateAsync(request, TestTerm.Request(volume)),
        "create raw" => term.CreateAsync(request, TestTerm.Request(volume, "raw", 2 * Extent)),
        "create snapshot" => term.CreateAsync(request, TestTerm.Request(volume, bytes: 0) with { Parent = $"{below}" }),
        "merge leaf" or "merge middle" => term.ChangeAsync(request, volume, new VolumeChange.Merge()),
        "resize" => term.ChangeAsync(request, volume, new VolumeChange.Resize(2L << 30)),
        "remove" => term.DeleteAsync(request, volume),
        "remove wiped" => term.DeleteAsync(request, volume, wipe: true),
        _ => term.ExtendAsync(request, volume, 3 * Extent),
    };
}
