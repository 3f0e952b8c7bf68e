using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using OvirtSpm.Node.Api;
using OvirtSpm.Node.Cluster;
using OvirtSpm.Node.Pool.Images;
using OvirtSpm.Node.Tests.Activation;
using OvirtSpm.Node.Tests.Pool.Images;
using OvirtSpm.Node.Tests.Storage;

namespace OvirtSpm.Node.Tests.Api;

/// <summary>Moves between two pools whose SPMs know each other over HTTP only.</summary>
public sealed class MoveApiTests
{
    static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_volume_is_called_to_another_pool_as_a_task_and_what_became_of_it_is_remembered()
    {
        await using var pools = await TwoPools.StartAsync();
        await using var client = new NodeClient(pools.There.Url);
        var (id, told) = (pools.There.Ids.Next(), new List<double>());
        var request = new ArrivalRequest(pools.Here.Url, "disk", id);
        var moved = await client.ReceiveAsync(request, new Told(told.Add), Stop);
        Assert.Equal(($"{MovePools.Volume}", "ready"), (moved.Volume, moved.State));
        Assert.Equal(told.Order(), told);
        await pools.CheckMovedAsync();
        var task = Assert.Single(pools.There.Tasks.List());
        Assert.Equal((id, "move", "disk", "done"), (task.Task, task.Kind, task.Volume, task.State));
        Assert.Equal(("departure", "done", "moved"), Assert.Single(pools.Here.Tasks.List()) is var left ? (left.Kind, left.State, left.Result!.State) : default);

        // R24: the next SPM tells it from the journal, and whoever asks again is answered.
        Assert.Equal(("done", $"{MovePools.Volume}"), pools.There.Term.Term.Journal.Find(Volumes.Journal.RequestId.TryParse(id, out var known) ? known : default) is { Answer: { } answer }
            ? (answer.Outcome.ToString().ToLowerInvariant(), $"{answer.Volume}") : default);
        Assert.Equal(moved.Volume, (await client.ReceiveAsync(request, new Told(_ => { }), Stop)).Volume);
        Assert.Equal(moved.Volume, (await client.ReceiveAsync(request with { Request = pools.There.Ids.Next(), Volume = $"{MovePools.Volume}" }, new Told(_ => { }), Stop)).Volume);
        // Without "respond-async" the answer is the volume, when it has come.
        using var http = new HttpClient { BaseAddress = new Uri(pools.There.Url) };
        using var response = await http.PostAsJsonAsync("v1/arrivals", new ArrivalRequest(pools.Here.Url, $"{MovePools.Volume}"), Stop);
        Assert.Equal((HttpStatusCode.OK, moved.Volume), (response.StatusCode, (await response.Content.ReadFromJsonAsync<VolumeReply>(Stop))!.Volume));
    }

    /// As after a connection that broke when the answer was on its way: the client asks again by itself, or gives up.
    [Theory]
    [InlineData("finish", 1)]
    [InlineData("finish", 9)]
    [InlineData("departures", 1)]
    [InlineData("content", 3)]
    public async Task Lost_answers_do_not_change_what_becomes_of_it(string of, int times)
    {
        await using var pools = await TwoPools.StartAsync();
        var lost = 0;
        await using var source = await pools.SourceAsync((request, answered) =>
            Task.FromResult(answered && request.Method != HttpMethod.Delete && request.RequestUri!.AbsolutePath.EndsWith(of, StringComparison.Ordinal) && lost++ < times));
        await pools.MoveAsync(source);
        Assert.InRange(lost, times == 9 ? 4 : times + 1, 100);
        await pools.CheckMovedAsync();
    }

    /// The request to let it go never arrives: it stays, and the copy is taken back.
    [Fact]
    public async Task A_source_that_is_never_told_to_let_go_keeps_it()
    {
        await using var pools = await TwoPools.StartAsync();
        await using var source = await pools.SourceAsync((request, answered) => Task.FromResult(
            !answered && request.RequestUri!.AbsolutePath.EndsWith("/finish", StringComparison.Ordinal) &&
            // Given up there before its end is asked for.
            pools.Here.Tasks.Cancel(pools.Here.Tasks.List()[0].Task) is not null));
        Assert.Contains("no answer", (await Assert.ThrowsAsync<Refusal>(() => pools.MoveAsync(source))).Message);
        await pools.CheckStayedAsync();
    }

    /// The request itself is lost, four times with what the client repeats by itself: it is sent again.
    [Fact]
    public async Task A_lost_request_to_let_go_is_sent_again()
    {
        await using var pools = await TwoPools.StartAsync();
        var lost = 0;
        await using var source = await pools.SourceAsync((request, answered) => Task.FromResult(
            !answered && request.RequestUri!.AbsolutePath.EndsWith("/finish", StringComparison.Ordinal) && lost++ < 4));
        await pools.MoveAsync(source);
        Assert.Equal(5, lost);
        await pools.CheckMovedAsync();
    }

    /// As of a proxy, or of another service at that address: what says nothing must not read as "not there", nor as "gone".
    [Fact]
    public async Task An_answer_that_is_none_is_not_taken_for_one()
    {
        await using var pools = await TwoPools.StartAsync();
        var of = "/departures";
        await using var source = await pools.SourceAsync((_, _) => Task.FromResult(false), path => path.EndsWith(of, StringComparison.Ordinal));
        Assert.Equal(RefusalCode.Unavailable, (await Assert.ThrowsAsync<Refusal>(() => source.DepartAsync("disk", _ => Task.CompletedTask))).Code);
        await pools.CheckStayedAsync();
        // Forwarded all the same: the task says what became of it.
        of = "/finish";
        await pools.MoveAsync(source);
        await pools.CheckMovedAsync();
    }

    /// R24: the SPM dies with its answer; whoever is SPM next knows from the journal that the removal was committed.
    [Fact]
    public async Task An_answer_that_died_with_its_SPM_is_given_by_the_next_one()
    {
        await using var pools = await TwoPools.StartAsync();
        var (begun, asked) = (0, 0);
        ServedPool? next = null;
        await using var source = await pools.SourceAsync(async (request, answered) =>
        {
            var path = request.RequestUri!.AbsolutePath;
            begun += !answered && path.EndsWith("/departures", StringComparison.Ordinal) ? 1 : 0;
            asked += !answered && next is not null && path.Contains("/v1/tasks/", StringComparison.Ordinal) ? 1 : 0;
            if (answered && path.EndsWith("/finish", StringComparison.Ordinal) && next is null)
            {
                next = await ServedPool.StartAsync(await MovePools.NextAsync(pools.Here.Term.Lun.Copy(), "next"));
                return true;
            }
            request.RequestUri = !answered && next is not null ? new Uri(new Uri(next.Url), request.RequestUri.PathAndQuery) : request.RequestUri;
            return false;
        });
        await pools.MoveAsync(source);
        await using (next)
        {
            Assert.Equal((1, true), (begun, asked > 0));
            await MovePools.CheckMovedAsync(next!.Term, pools.There.Term, "next");
        }
    }

    [Fact]
    public async Task A_departure_is_held_and_read_until_it_is_given_up_and_a_late_message_does_not_begin_it_again()
    {
        await using var pools = await TwoPools.StartAsync();
        using var http = new HttpClient { BaseAddress = new Uri(pools.Here.Url) };
        var request = new DepartureRequest("disk", TestDomain.Uuid, pools.There.Ids.Next());
        using (var begun = await http.PostAsJsonAsync("v1/departures", request, Stop))
        {
            Assert.Equal((HttpStatusCode.Created, $"/v1/transfers/{request.Request}"), (begun.StatusCode, $"{begun.Headers.Location}"));
            var chain = DepartingChain.Read((await begun.Content.ReadFromJsonAsync<DepartureReply>(Stop))!);
            Assert.Equal([MovePools.Volume, MovePools.Below], chain.Select(volume => volume.Uuid));
            Assert.All(chain, volume => Assert.Equal(MovePools.Find(pools.Here.Term, volume.Uuid)!.Slot, volume.Slot));
        }
        var place = $"v1/transfers/{request.Request}/volumes/{MovePools.Below}/content";
        Assert.Equal(pools.Here.Term.Lun.Peek(MovePools.OffsetOf(pools.Here.Term, MovePools.Below) + 4096, 8192), (await ReadAsync(http, place, 4096, 8192)).Bytes);
        Assert.Equal(HttpStatusCode.BadRequest, (await ReadAsync(http, place, 512, 4096)).Status);
        Assert.Equal(HttpStatusCode.BadRequest, (await ReadAsync(http, place, 0, 100)).Status);
        Assert.Equal(HttpStatusCode.RequestedRangeNotSatisfiable, (await ReadAsync(http, place, 1L << 40, 4096)).Status);
        Assert.Equal(HttpStatusCode.NotFound, (await ReadAsync(http, place.Replace($"{MovePools.Below}", $"{Guid.NewGuid()}"), 0, 4096)).Status);
        Assert.Equal(HttpStatusCode.Conflict, (await http.PostAsJsonAsync("v1/departures", request with { Request = pools.There.Ids.Next() }, Stop)).StatusCode);
        // The same message again is the same departure.
        Assert.Equal(HttpStatusCode.Created, (await http.PostAsJsonAsync("v1/departures", request, Stop)).StatusCode);

        Assert.Equal(HttpStatusCode.OK, (await http.DeleteAsync($"v1/transfers/{request.Request}", Stop)).StatusCode);
        Assert.Equal("cancelled", (await pools.Here.Tasks.GetAsync(request.Request, TimeSpan.FromSeconds(30))).State);
        await pools.CheckStayedAsync();
        Assert.Equal(HttpStatusCode.NotFound, (await ReadAsync(http, place, 0, 4096)).Status);
        Assert.Equal(HttpStatusCode.Conflict, (await http.PostAsJsonAsync("v1/departures", request, Stop)).StatusCode);
        Assert.Equal(HttpStatusCode.Conflict, (await http.PostAsync($"v1/transfers/{request.Request}/finish", null, Stop)).StatusCode);
        await pools.CheckStayedAsync();
    }

    [Fact]
    public async Task A_departure_of_which_nothing_is_heard_is_given_back_and_one_that_is_asked_after_is_not()
    {
        var clock = new ManualClock();
        await using var pools = await TwoPools.StartAsync(clock);
        var id = pools.There.Ids.Next();
        await pools.Here.Transfers.BeginDepartureAsync(new DepartureRequest("disk", TestDomain.Uuid, id));
        for (var asked = 0; asked < 3; asked++)
        {
            await PassAsync(clock, TimeSpan.FromSeconds(50));
            Assert.Equal("running", pools.Here.Transfers.Get(id).State);
        }
        await PassAsync(clock, TimeSpan.FromSeconds(61));
        await pools.Here.Tasks.EndOf(id).WaitAsync(Patience, Stop);
        var ended = pools.Here.Tasks.Find(id)!;
        Assert.Equal(("failed", "Conflict"), (ended.State, ended.Code));
        await pools.CheckStayedAsync();
        // What comes too late changes nothing.
        await Assert.ThrowsAsync<Refusal>(() => pools.Here.Transfers.FinishAsync(id));
        await pools.CheckStayedAsync();
    }

    [Fact]
    public async Task What_is_not_there_is_said_by_the_SPM_of_the_domain_that_is_meant_and_by_nobody_else()
    {
        var holds = true;
        await using var pools = await TwoPools.StartAsync(sourceHolds: () => Volatile.Read(ref holds));
        await using var client = new NodeClient(pools.Here.Url);
        var request = new DepartureRequest("nothing", TestDomain.Uuid, pools.There.Ids.Next());
        Assert.Equal((null, 0), await client.BeginDepartureAsync(request) is var absent ? (absent.Transfer, absent.Volumes.Count) : default);
        async Task<RefusalCode> RefusedAsync(DepartureRequest wrong) => (await Assert.ThrowsAsync<Refusal>(() => client.BeginDepartureAsync(wrong))).Code;
        Assert.Equal(RefusalCode.Conflict, await RefusedAsync(request with { From = Guid.NewGuid() }));
        Assert.Equal(RefusalCode.Invalid, await RefusedAsync(request with { Volume = " " }));
        Assert.Equal(RefusalCode.Invalid, await RefusedAsync(request with { Request = "mine" }));
        Volatile.Write(ref holds, false);
        Assert.Equal(RefusalCode.NotLeader, await RefusedAsync(request));
        Volatile.Write(ref holds, true);
        await pools.CheckStayedAsync();
    }

    [Fact]
    public async Task A_move_that_is_cancelled_while_it_copies_leaves_everything_where_it_was()
    {
        await using var pools = await TwoPools.StartAsync();
        await using var client = new NodeClient(pools.There.Url);
        using var stop = new CancellationTokenSource();
        var (reading, goOn) = (new TaskCompletionSource(), new TaskCompletionSource());
        pools.There.Term.Lun.BeforeWrite = async (_, offset) =>
        {
            if (MovePools.IsInside(pools.There.Term, MovePools.Below, offset))
            {
                reading.TrySetResult();
                await goOn.Task;
            }
        };
        var moving = client.ReceiveAsync(new ArrivalRequest(pools.Here.Url, "disk", pools.There.Ids.Next()), new Told(_ => { }), stop.Token);
        await reading.Task.WaitAsync(Patience, Stop);
        // Both say what they do meanwhile.
        Assert.Equal(("move", "departure"), (pools.There.Tasks.List()[0].Kind, pools.Here.Tasks.List()[0].Kind));
        await stop.CancelAsync();
        await UntilAsync(() => pools.There.Tasks.List()[0].State == "cancelling");
        goOn.SetResult();
        await Assert.ThrowsAsync<OperationCanceledException>(() => moving.WaitAsync(Patience, Stop));
        Assert.Equal(("cancelled", "cancelled"), (pools.There.Tasks.List()[0].State, pools.Here.Tasks.List()[0].State));
        await pools.CheckStayedAsync();
    }

    /// A program of before this could be asked, another service, and the very pool itself.
    [Fact]
    public async Task Ends_that_cannot_do_it_are_told_apart()
    {
        await using var pools = await TwoPools.StartAsync();
        await using var older = new NodeClient("http://older", handler: new Answering(HttpStatusCode.NotFound));
        Assert.Contains("not older than this program", (await Assert.ThrowsAsync<Refusal>(
            () => older.ReceiveAsync(new ArrivalRequest(pools.Here.Url, "disk", pools.There.Ids.Next()), new Told(_ => { }), Stop))).Message);
        await using var client = new NodeClient(pools.There.Url);
        async Task<string> RefusedAsync(string from, string volume = "disk") => (await Assert.ThrowsAsync<Refusal>(
            () => client.ReceiveAsync(new ArrivalRequest(from, volume, pools.There.Ids.Next()), new Told(_ => { }), Stop))).Message;
        Assert.Contains("is not the address of a node", await RefusedAsync("nowhere"));
        Assert.Contains("both ends", await RefusedAsync(pools.There.Url));
        Assert.Contains("what moves", await RefusedAsync(pools.Here.Url, ""));
        Assert.Contains("none from there is arriving", await RefusedAsync(pools.Here.Url, "nothing"));
        await pools.CheckStayedAsync();
    }

    [Fact]
    public async Task What_another_pool_says_of_its_volumes_is_not_believed_unseen()
    {
        await using var pools = await TwoPools.StartAsync();
        var good = await pools.Here.Transfers.BeginDepartureAsync(new DepartureRequest("disk", TestDomain.Uuid, pools.There.Ids.Next()));
        Assert.Equal(2, DepartingChain.Read(good).Count);
        var (leaf, below) = (good.Volumes[0], good.Volumes[1]);
        foreach (var volumes in new IReadOnlyList<DepartingVolumeReply>?[]
        {
            null, [], [leaf], [below, leaf], [leaf, leaf], [leaf, below, below], [null!, below],
            [leaf with { Slot = null! }, below], [leaf with { Slot = [] }, below], [leaf with { Slot = new byte[512] }, below], [leaf with { Slot = below.Slot }, below],
            [leaf with { AllocatedBytes = 0 }, below], [leaf with { AllocatedBytes = -1 }, below], [leaf with { AllocatedBytes = 1 << 20 }, below],
            [leaf with { AllocatedBytes = long.MaxValue / (16 << 20) * (16 << 20) }, below], [leaf, below with { Volume = Guid.Empty }],
            [.. Enumerable.Repeat(leaf, 300)],
        })
        {
            Assert.Equal(RefusalCode.Unavailable, Assert.Throws<Refusal>(() => { DepartingChain.Read(good with { Volumes = volumes! }); }).Code);
        }
        Assert.Throws<Refusal>(() => { DepartingChain.Read(good with { ExtentBytes = 0 }); });
    }

    static async Task<(HttpStatusCode Status, byte[] Bytes)> ReadAsync(HttpClient http, string path, long from, long length)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path) { Headers = { Range = new RangeHeaderValue(from, from + length - 1) } };
        using var response = await http.SendAsync(request, Stop);
        return (response.StatusCode, await response.Content.ReadAsByteArrayAsync(Stop));
    }

    /// <summary>It has looked, and waits for the next time.</summary>
    static async Task PassAsync(ManualClock clock, TimeSpan time)
    {
        await UntilAsync(() => clock.Timers > 0);
        clock.Pass(time);
    }

    static async Task UntilAsync(Func<bool> holds)
    {
        using var limit = new CancellationTokenSource(Patience);
        while (!holds())
        {
            await Task.Delay(1, limit.Token);
        }
    }

    sealed class TwoPools : IAsyncDisposable
    {
        public required ServedPool Here { get; init; }

        public required ServedPool There { get; init; }

        public static async Task<TwoPools> StartAsync(TimeProvider? clock = null, Func<bool>? sourceHolds = null)
        {
            var (source, target) = await MovePools.StartAsync(sourceHolds);
            return new TwoPools { Here = await ServedPool.StartAsync(source, clock), There = await ServedPool.StartAsync(target, clock) };
        }

        /// <summary>The first pool, as the second one's SPM sees it over a network that loses what the test says.</summary>
        public Task<RemoteMoveSource> SourceAsync(Func<HttpRequestMessage, bool, Task<bool>> loses, Predicate<string>? empties = null) => RemoteMoveSource.OpenAsync(
            Here.Url, There.Ids, TimeProvider.System, url => new NodeClient(url, TimeSpan.FromSeconds(30), new Losing(loses, empties ?? (_ => false))));

        public Task<Volumes.Volume.VolumeInfo> MoveAsync(IMoveSource source) => new VolumeMove(source, There.Term.Arriving).RunAsync("disk", new Told(_ => { }), Stop);

        public Task CheckMovedAsync() => MovePools.CheckMovedAsync(Here.Term, There.Term, "over HTTP");

        public Task CheckStayedAsync() => MovePools.CheckStayedAsync(Here.Term, There.Term, "over HTTP");

        public async ValueTask DisposeAsync()
        {
            await Here.DisposeAsync();
            await There.DisposeAsync();
        }
    }

    /// <param name="loses">Asked before a request is sent, and when its answer has come.</param>
    /// <param name="empties">Answers of these paths come without anything that was said.</param>
    sealed class Losing(Func<HttpRequestMessage, bool, Task<bool>> loses, Predicate<string> empties) : DelegatingHandler(new SocketsHttpHandler())
    {
        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken stop)
        {
            if (await loses(request, false))
            {
                throw new HttpRequestException("the connection was reset");
            }
            var response = await base.SendAsync(request, stop);
            if (!await loses(request, true))
            {
                response.Content = empties(request.RequestUri!.AbsolutePath) ? JsonContent.Create(new { }) : response.Content;
                return response;
            }
            response.Dispose();
            throw new HttpRequestException("the connection was reset");
        }
    }

    sealed class Answering(HttpStatusCode status) : HttpMessageHandler
    {
        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken stop) =>
            Task.FromResult(new HttpResponseMessage(status) { RequestMessage = request });
    }
}
