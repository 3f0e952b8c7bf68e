using OvirtSpm.Node.Api;
using OvirtSpm.Node.Tasks;
using OvirtSpm.Node.Tests.Api;
using TaskStatus = OvirtSpm.Node.Tasks.TaskStatus;

namespace OvirtSpm.Node.Tests.Tasks;

public sealed class TaskBoardTests
{
    static readonly VolumeReply volume = ScriptedNode.Volume;

    [Fact]
    public void Progress_never_goes_back_and_stays_between_none_and_all()
    {
        var status = new TaskStatus("1", "copy", "v", null);
        var reported = new[] { 0.1, 0.5, 0.3, double.NaN, -1, 0.50001, 7, 0.2 };
        var shown = reported.Select(share => (status = status.At(share)).Progress).ToList();
        Assert.Equal([0.1, 0.5, 0.5, 0.5, 0.5, 0.50001, 1, 1], shown);
    }

    [Fact]
    public void What_has_ended_stays_as_it_is()
    {
        var running = new TaskStatus("1", "copy", "v", null);
        foreach (var ended in new[] { running.Done(volume), running.Failed(Refusal.NoSpace("full")), running.Cancelling().Stopped() })
        {
            Assert.All(
                new[] { ended.At(0.5), ended.Cancelling(), ended.Done(volume with { State = "other" }), ended.Failed(Refusal.Conflict("late")), ended.Stopped() },
                later => Assert.Equal(ended, later));
        }
        Assert.Equal("failed", running.Stopped().State); // nobody asked for it
        Assert.Equal(("done", 1.0), (running.Cancelling().Done(volume).State, running.Done(volume).Progress)); // it was through before it heard
    }

    [Fact]
    public async Task A_cancelled_task_ends_when_its_work_has_and_the_work_hears_of_it()
    {
        var board = new TaskBoard();
        var tidied = new TaskCompletionSource();
        var begun = board.Begin("1", "copy", "v", null, async (_, stop) =>
        {
            try
            {
                await Task.Delay(Timeout.Infinite, stop);
            }
            finally
            {
                await tidied.Task;
            }
            return volume;
        });
        Assert.Equal(("running", true), (begun.State, begun.CanCancel));
        Assert.Equal("cancelling", board.Cancel("1")!.State);
        Assert.False(board.EndOf("1").IsCompleted);
        tidied.SetResult();
        await board.EndOf("1");
        Assert.Equal("cancelled", board.Find("1")!.State);
        Assert.Equal("cancelled", board.Cancel("1")!.State);
        Assert.Null(board.Cancel("2"));
    }

    [Fact]
    public async Task Work_that_is_brought_to_its_end_refuses_to_be_cancelled()
    {
        var board = new TaskBoard();
        var work = new TaskCompletionSource<VolumeReply>();
        Assert.False(board.Begin("1", "merge", "v", "it goes on", (_, stop) => work.Task.WaitAsync(stop)).CanCancel);
        Assert.Equal(RefusalCode.Conflict, Assert.Throws<Refusal>(() => board.Cancel("1")).Code);
        work.SetResult(volume);
        await board.EndOf("1");
        Assert.Equal("done", board.Cancel("1")!.State);
    }

    [Fact]
    public async Task Asked_again_while_it_runs_it_runs_once()
    {
        var board = new TaskBoard();
        var (begun, work) = (0, new TaskCompletionSource<VolumeReply>());
        for (var i = 0; i < 3; i++)
        {
            board.Begin("1", "copy", "v", null, (_, _) =>
            {
                begun++;
                return work.Task;
            });
        }
        work.SetResult(volume);
        await board.EndOf("1");
        Assert.Equal((1, volume), (begun, Assert.Single(board.List()).Result));
    }

    [Fact]
    public async Task Why_it_failed_is_kept_whatever_was_thrown()
    {
        var board = new TaskBoard();
        foreach (var (id, thrown, code) in new (string, Exception, string)[]
        {
            ("1", Refusal.NoSpace("the pool is full"), "NoSpace"), ("2", new IOException("gone"), "Unavailable"), ("3", new InvalidOperationException("broken"), "Damaged"),
            ("4", new OperationCanceledException("by itself"), "Unavailable"),
        })
        {
            board.Begin(id, "copy", "v", null, (_, _) => Task.FromException<VolumeReply>(thrown));
            await board.EndOf(id);
            Assert.Equal(("failed", code), (board.Find(id)!.State, board.Find(id)!.Code));
        }
    }

    [Fact]
    public async Task The_last_ones_are_kept_and_one_that_runs_is_never_dropped()
    {
        var board = new TaskBoard(kept: 3);
        var work = new TaskCompletionSource<VolumeReply>();
        board.Begin("old", "copy", "v", null, (_, _) => work.Task);
        for (var i = 1; i <= 5; i++)
        {
            board.Begin($"{i}", "copy", "v", null, (_, _) => Task.FromResult(volume));
            await board.EndOf($"{i}");
        }
        Assert.Equal(["3", "4", "5", "old"], board.List().Select(task => task.Task).Order(StringComparer.Ordinal));
        Assert.True(board.EndOf("1").IsCompleted);
        work.SetResult(volume);
    }
}
