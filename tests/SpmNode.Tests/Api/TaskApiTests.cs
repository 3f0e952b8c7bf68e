using System.Net;
using System.Net.Http.Json;
using OvirtSpm.Node.Api;
using OvirtSpm.Node.Cluster;

namespace OvirtSpm.Node.Tests.Api;

/// <summary>Long work over HTTP: begun, followed, cancelled.</summary>
public sealed class TaskApiTests
{
    const string Id = "0.0f8fad5bd9cb469fa16570867728950e.1";

    static readonly CreateVolumeRequest copy = new("22222222-0000-0000-0000-000000000001", null, 0, "cow", null, false, Id, Source: "golden");

    [Fact]
    public async Task Who_prefers_so_is_told_where_to_look_before_anything_is_done()
    {
        var tasks = new ScriptedTasks();
        await using var served = await ServedNode.StartAsync(new ScriptedNode { Tasks = tasks });
        using var http = new HttpClient { BaseAddress = new Uri(served.Url) };
        using var request = new HttpRequestMessage(HttpMethod.Post, "v1/volumes") { Content = JsonContent.Create(copy) };
        request.Headers.Add("Prefer", "respond-async, wait=10");
        using var response = await http.SendAsync(request, TestContext.Current.CancellationToken);
        Assert.Equal((HttpStatusCode.Accepted, $"/v1/tasks/{Id}"), (response.StatusCode, response.Headers.Location!.ToString()));
        tasks.Progress!.Report(0.25);
        await using var client = new NodeClient(served.Url);
        var task = await client.TaskAsync(Id);
        Assert.Equal(("copy", copy.Volume, "running", 0.25), (task.Kind, task.Volume, task.State, task.Progress));
        Assert.Equal(task, Assert.Single(await client.TasksAsync()));
        tasks.Work.SetResult(ScriptedNode.Volume);
        Assert.Equal(("done", ScriptedNode.Volume.Volume), ((await client.TaskAsync(Id, TimeSpan.FromSeconds(30))) is var end ? end.State : "", end.Result!.Volume));
    }

    [Fact]
    public async Task A_task_that_nobody_knows_and_a_wait_that_makes_no_sense_are_told()
    {
        await using var served = await ServedNode.StartAsync(new ScriptedNode());
        await using var client = new NodeClient(served.Url);
        Assert.Equal(RefusalCode.NotFound, (await Assert.ThrowsAsync<Refusal>(() => client.TaskAsync(Id))).Code);
        Assert.Equal(RefusalCode.NotFound, (await Assert.ThrowsAsync<Refusal>(() => client.CancelTaskAsync(Id))).Code);
        using var http = new HttpClient { BaseAddress = new Uri(served.Url) };
        foreach (var wait in new[] { "-1", "NaN", "x", "1e9" })
        {
            using var response = await http.GetAsync($"v1/tasks/{Id}?wait={wait}", TestContext.Current.CancellationToken);
            Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        }
    }

    [Fact]
    public async Task A_client_follows_the_work_and_stopping_the_client_cancels_it()
    {
        var tasks = new ScriptedTasks();
        await using var served = await ServedNode.StartAsync(new ScriptedNode { Tasks = tasks });
        await using var client = new NodeClient(served.Url);
        using var stop = new CancellationTokenSource();
        var seen = new Seen(share =>
        {
            if (share == 0)
            {
                tasks.Progress!.Report(0.5);
            }
            else
            {
                stop.Cancel();
            }
        });
        await Assert.ThrowsAsync<OperationCanceledException>(() => client.CreateVolumeAsync(copy, seen, stop.Token));
        Assert.Equal("cancelled", Assert.Single(tasks.List()).State);
    }

    /// One connection would not live as long as this may take.
    [Theory]
    [InlineData(false, false)]
    [InlineData(false, true)]
    [InlineData(true, false)]
    [InlineData(true, true)]
    public async Task A_client_gets_the_result_or_the_reason_as_from_a_short_request(bool isCollapse, bool fails)
    {
        VolumeChange change = isCollapse ? new VolumeChange.Collapse { Request = Id } : new VolumeChange.Merge { Request = Id };
        var tasks = new ScriptedTasks();
        await using var served = await ServedNode.StartAsync(new ScriptedNode { Tasks = tasks });
        await using var client = new NodeClient(served.Url);
        var merging = client.ChangeVolumeAsync("v", change, new Seen(_ => { }));
        if (fails)
        {
            tasks.Work.SetException(Refusal.NoSpace("the pool is full"));
            Assert.Equal((RefusalCode.NoSpace, "the pool is full"), (await Assert.ThrowsAsync<Refusal>(() => merging)) is var why ? (why.Code, why.Message) : default);
        }
        else
        {
            tasks.Work.SetResult(ScriptedNode.Volume);
            Assert.Equal(ScriptedNode.Volume.Volume, (await merging).Volume);
        }
    }

    [Fact]
    public async Task A_deletion_that_empties_is_followed_and_not_cancelled()
    {
        var tasks = new ScriptedTasks();
        await using var served = await ServedNode.StartAsync(new ScriptedNode { Tasks = tasks });
        await using var client = new NodeClient(served.Url);
        var half = new TaskCompletionSource();
        var deleting = client.DeleteVolumeAsync("v", Id, wipe: true, discard: true, new Seen(share =>
        {
            if (share == 0.5)
            {
                half.TrySetResult();
            }
        }));
        while (tasks.Progress is null)
        {
            Assert.False(deleting.IsCompleted);
            await Task.Delay(1, TestContext.Current.CancellationToken);
        }
        tasks.Progress.Report(0.5);
        await half.Task;
        var running = await client.TaskAsync(Id);
        Assert.Equal(("delete wipediscard", "v", "running", false), (running.Kind, running.Volume, running.State, running.CanCancel));
        Assert.Equal(RefusalCode.Conflict, (await Assert.ThrowsAsync<Refusal>(() => client.CancelTaskAsync(Id))).Code);
        tasks.Deletion.SetResult(new DeleteVolumeReply("v", 4096, 7, ["a device"]));
        var deleted = await deleting;
        Assert.Equal((4096, "a device"), (deleted.FreedBytes, Assert.Single(deleted.NotDiscarded!)));
        Assert.Equal("done", (await client.TaskAsync(Id)).State);
    }

    sealed class Seen(Action<double> act) : IProgress<double>
    {
        public void Report(double value) => act(value);
    }
}
