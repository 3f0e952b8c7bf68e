using OvirtSpm.LvmMetadata.Edit;
using OvirtSpm.LvmMetadata.Model;
using OvirtSpm.Node.Pool;
using OvirtSpm.Node.Tests.Storage;

namespace OvirtSpm.Node.Tests.Pool;

public sealed class PoolWorkerTests
{
    static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    [Fact]
    public async Task Everything_queued_while_a_commit_is_under_way_goes_into_one_commit()
    {
        var term = await TestDomain.LeadAsync(await TestDomain.LunAsync());
        var volume = (await term.CreateAsync()).ToString();
        var (commits, requests) = (term.Counters.Commits, term.Counters.Requests);
        var (reached, gate) = Gate(term.Lun);
        var first = Extend(term, volume, 2);
        await reached.WaitAsync(Patience);
        var rest = Enumerable.Range(3, 30).Select(extents => Extend(term, volume, extents)).ToList();
        var missing = Extend(term, "nobody", 5);
        var tooLarge = Extend(term, volume, 1_000_000);
        var twice = Extend(term, volume, 5);
        var broken = term.Term.Worker.SubmitAsync("broken", _ => throw new InvalidOperationException("no such thing"));
        gate.SetResult();

        Assert.IsType<PoolResult.Done>(await first.WaitAsync(Patience));
        foreach (var (done, extents) in (await Task.WhenAll(rest)).Zip(Enumerable.Range(3, 30)))
        {
            Assert.Equal(new EditOutcome.Done(extents), Assert.IsType<PoolResult.Done>(done).Edit);
        }
        // Failed ones do not spoil the others, and each hears its own reason.
        Assert.IsType<EditOutcome.NotFound>(Assert.IsType<PoolResult.Refused>(await missing).Edit);
        Assert.IsType<EditOutcome.NoSpace>(Assert.IsType<PoolResult.Refused>(await tooLarge).Edit);
        Assert.Contains("no such thing", Assert.IsType<EditOutcome.Refused>(Assert.IsType<PoolResult.Refused>(await broken).Edit).Reason, StringComparison.Ordinal);
        Assert.IsType<EditOutcome.AlreadyThere>(Assert.IsType<PoolResult.Done>(await twice).Edit);
        Assert.Equal(commits + 2, term.Counters.Commits);
        Assert.Equal(requests + 32, term.Counters.Requests);
        Assert.Equal(32 * term.Term.Volumes.Group.ExtentSizeBytes, Assert.Single(await TestDomain.VolumesAsync(term.Lun)).AllocatedBytes);
    }

    [Fact]
    public async Task What_is_queued_when_the_role_ends_is_still_served_and_what_comes_later_is_not_issued()
    {
        var term = await TestDomain.LeadAsync(await TestDomain.LunAsync());
        var volume = (await term.CreateAsync()).ToString();
        var (reached, gate) = Gate(term.Lun);
        var first = Extend(term, volume, 2);
        await reached.WaitAsync(Patience);
        var queued = Extend(term, volume, 3);
        term.Term.Worker.StopAccepting();
        var late = await Extend(term, volume, 4).WaitAsync(Patience);
        Assert.Contains("handing the role over", Assert.IsType<PoolResult.NotIssued>(late).Why, StringComparison.Ordinal);
        gate.SetResult();
        Assert.IsType<PoolResult.Done>(await first);
        Assert.IsType<PoolResult.Done>(await queued.WaitAsync(Patience));
        await term.Writing.WaitAsync(Patience);
    }

    /// A commit of two copies is five writes: journal, text, text, header, header.
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public async Task A_write_that_fails_makes_the_outcome_unknown_and_ends_the_epoch(int failing)
    {
        var term = await TestDomain.LeadAsync(await TestDomain.LunAsync());
        var volume = (await term.CreateAsync()).ToString();
        term.Lun.DiesAfter = term.Lun.Writes + failing;
        var result = await Extend(term, volume, 2).WaitAsync(Patience);
        Assert.IsType<PoolResult.Unknown>(result);
        Assert.NotNull(term.Term.Fence.ClosedBecause);
        Assert.IsType<PoolResult.NotIssued>(await Extend(term, volume, 3).WaitAsync(Patience));
        await term.Writing.WaitAsync(Patience);
        // The next SPM finds the old or the new size, never anything else, and goes on.
        var next = await TestDomain.LeadAsync(term.Lun.Copy(), epoch: 3);
        var found = next.Term.Volumes.Find(volume).AllocatedBytes / next.Term.Volumes.Group.ExtentSizeBytes;
        Assert.Equal(failing < 4 ? 1 : 2, found);
        Assert.IsType<PoolResult.Done>(await Extend(next, volume, 4).WaitAsync(Patience));
    }

    [Fact]
    public async Task A_deadline_that_passes_during_a_commit_is_never_acknowledged()
    {
        var seen = new HashSet<Type>();
        for (var asks = 0; asks < 8; asks++)
        {
            var (left, counting) = (asks, false);
            bool Holds() => !counting || Interlocked.Decrement(ref left) >= 0;
            var term = await TestDomain.LeadAsync(await TestDomain.LunAsync(), holds: Holds);
            var volume = (await term.CreateAsync()).ToString();
            counting = true;
            var result = await Extend(term, volume, 2).WaitAsync(Patience);
            seen.Add(result.GetType());
            if (result is PoolResult.Done)
            {
                Assert.True(left >= 0, $"acknowledged although the deadline did not hold at ask {asks}");
            }
            else
            {
                Assert.IsType(asks == 0 ? typeof(PoolResult.NotIssued) : typeof(PoolResult.Unknown), result);
            }
        }
        Assert.Equal(3, seen.Count);
    }

    [Fact]
    public async Task What_is_so_already_is_not_acknowledged_after_the_deadline_either()
    {
        var holds = true;
        var term = await TestDomain.LeadAsync(await TestDomain.LunAsync(), holds: () => holds);
        var volume = (await term.CreateAsync()).ToString();
        Assert.IsType<PoolResult.Done>(await Extend(term, volume, 1));
        holds = false;
        Assert.IsType<PoolResult.NotIssued>(await Extend(term, volume, 1).WaitAsync(Patience));
    }

    [Fact]
    public async Task A_newer_SPM_found_on_disk_ends_the_term_and_nothing_of_the_older_one_is_written()
    {
        var lun = await TestDomain.LunAsync();
        var former = await TestDomain.LeadAsync(lun);
        var volume = (await former.CreateAsync()).ToString();
        var newer = await TestDomain.LeadAsync(lun.OpenAgain(), epoch: 3, host: 2);
        Assert.IsType<PoolResult.Done>(await Extend(newer, volume, 3));
        var before = lun.Writes;
        var result = await Extend(former, volume, 2).WaitAsync(Patience);
        Assert.IsType<PoolResult.NotIssued>(result);
        Assert.Equal(before, lun.Writes);
        Assert.NotNull(former.Term.Fence.ClosedBecause);
        Assert.Equal(1, former.Counters.ForeignWrites);
        await former.Writing.WaitAsync(Patience);
        Assert.IsType<PoolResult.Done>(await Extend(newer, volume, 4));
    }

    static Task<PoolResult> Extend(TestTerm term, string volume, long extents) =>
        term.Term.Worker.SubmitAsync($"extend {volume}", draft => draft.Extend(volume, extents));

    /// <summary>Holds the next metadata write until the gate is opened.</summary>
    static (Task Reached, TaskCompletionSource Open) Gate(MemoryLun lun)
    {
        var reached = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var open = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        lun.BeforeWrite = (lane, _) =>
        {
            reached.TrySetResult();
            return lane == "metadata" ? open.Task : Task.CompletedTask;
        };
        return (reached.Task, open);
    }
}
