using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text;
using OvirtSpm.Node.Api;

namespace OvirtSpm.Node.Tests.Api;

/// <summary>Disks over HTTP: what is taken, what is refused, and that nothing is taken for whole that is not.</summary>
public sealed class TransferApiTests
{
    const int Size = 1 << 20;

    static readonly byte[] content = Content();

    [Fact]
    public async Task Pieces_come_in_any_order_zeros_without_data_and_the_end_only_when_all_is_there()
    {
        await using var served = await StartAsync();
        Assert.Equal(HttpStatusCode.OK, await served.PutAsync(700_000, content.AsMemory(700_000)));
        Assert.Equal(HttpStatusCode.OK, await served.PatchAsync($$"""{"op":"zero","offset":300000,"size":400000,"flush":true}"""));
        Assert.Equal(1, served.Disk.Flushes);
        Assert.Equal([new RangeReply(0, 300_000)], (await served.StatusAsync()).Missing);
        var (early, why) = await served.FinishAsync();
        Assert.Equal(HttpStatusCode.Conflict, early);
        Assert.Contains("300000 at 0", why, StringComparison.Ordinal);

        Assert.Equal(HttpStatusCode.OK, await served.PutAsync(0, content.AsMemory(0, 300_000)));
        Assert.Equal((Size, 0), ((await served.StatusAsync()).ReceivedBytes, (await served.StatusAsync()).Missing.Count));
        Assert.Equal(HttpStatusCode.OK, await served.PatchAsync("""{"op":"flush"}"""));
        Assert.Equal(HttpStatusCode.OK, (await served.FinishAsync()).Status);
        await served.In.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);
        Assert.Equal([.. content[..300_000], .. new byte[400_000], .. content[700_000..]], served.Disk.Bytes);
        Assert.Equal(HttpStatusCode.Conflict, await served.PutAsync(0, content.AsMemory(0, 10)));
    }

    [Fact]
    public async Task More_than_was_announced_is_refused_and_nothing_of_it_is_written()
    {
        await using var served = await StartAsync();
        Assert.Equal(HttpStatusCode.RequestedRangeNotSatisfiable, await served.PutAsync(Size - 10, content.AsMemory(0, 11)));
        Assert.Equal(HttpStatusCode.RequestedRangeNotSatisfiable, await served.PutAsync(null, new byte[Size + 1]));
        Assert.Equal(HttpStatusCode.RequestedRangeNotSatisfiable, await served.PatchAsync($$"""{"op":"zero","offset":1,"size":{{Size}}}"""));
        Assert.Equal(HttpStatusCode.RequestedRangeNotSatisfiable, await served.PatchAsync("""{"op":"zero","offset":-1,"size":1}"""));
        Assert.Equal(HttpStatusCode.RequestedRangeNotSatisfiable, await served.PatchAsync("""{"op":"zero","offset":9223372036854775807,"size":9223372036854775807}"""));
        Assert.All(served.Disk.Bytes, value => Assert.Equal(0xEE, value));
        Assert.Equal(0, (await served.StatusAsync()).ReceivedBytes);
    }

    [Fact]
    public async Task A_range_that_contradicts_itself_is_refused()
    {
        await using var served = await StartAsync();
        foreach (var range in new[] { "bytes 0-10/*", "bytes 0-8/999", "bytes */*", "bytes 9-1/*", "lines 0-9/*", "0-9" })
        {
            Assert.Equal(HttpStatusCode.BadRequest, await served.PutAsync(null, content.AsMemory(0, 10), range));
        }
        foreach (var change in new[] { """{"op":"erase"}""", "{}", "null", "[" })
        {
            Assert.Equal(HttpStatusCode.BadRequest, await served.PatchAsync(change));
        }
        using var chunked = new HttpRequestMessage(HttpMethod.Put, "v1/transfers/in/content") { Content = new StreamContent(new Endless()) };
        using var unsized = await served.Http.SendAsync(chunked, TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.BadRequest, unsized.StatusCode);
        Assert.Equal(0, (await served.StatusAsync()).ReceivedBytes);
    }

    [Fact]
    public async Task What_came_before_the_sender_went_away_has_come_and_the_rest_may_follow()
    {
        await using var served = await StartAsync();
        using (var socket = new TcpClient())
        {
            await socket.ConnectAsync(served.Http.BaseAddress!.Host, served.Http.BaseAddress.Port, TestContext.Current.CancellationToken);
            var stream = socket.GetStream();
            await stream.WriteAsync(Encoding.ASCII.GetBytes($"PUT /v1/transfers/in/content HTTP/1.1\r\nHost: x\r\nContent-Length: {Size}\r\n\r\n"), TestContext.Current.CancellationToken);
            await stream.WriteAsync(content.AsMemory(0, 400_000), TestContext.Current.CancellationToken);
            socket.Client.Shutdown(SocketShutdown.Send);
            // Until the server is through with it. It may close with bytes unread, which the sender sees as a reset.
            await Record.ExceptionAsync(() => stream.CopyToAsync(Stream.Null, TestContext.Current.CancellationToken));
        }
        var status = await served.StatusAsync();
        var came = (int)status.ReceivedBytes;
        Assert.InRange(came, 0, 400_000);
        Assert.Equal(content[..came], served.Disk.Bytes[..came]);
        Assert.Equal([new RangeReply(came, Size - came)], status.Missing);
        Assert.Equal(HttpStatusCode.OK, await served.PutAsync(came, content.AsMemory(came)));
        Assert.Equal(HttpStatusCode.OK, (await served.FinishAsync()).Status);
        Assert.Equal(content, served.Disk.Bytes);
    }

    [Fact]
    public async Task A_piece_that_failed_has_not_come_even_over_one_that_had()
    {
        await using var served = await StartAsync();
        Assert.Equal(HttpStatusCode.OK, await served.PutAsync(null, content));
        served.Disk.Fails = () => throw Refusal.NoSpace("the pool is full");
        Assert.Equal(HttpStatusCode.InsufficientStorage, await served.PutAsync(1000, content.AsMemory(0, 100)));
        Assert.Equal([new RangeReply(1000, 100)], (await served.StatusAsync()).Missing);
        Assert.Equal(HttpStatusCode.Conflict, (await served.FinishAsync()).Status);
        served.Disk.Fails = null;
        Assert.Equal(HttpStatusCode.OK, await served.PutAsync(1000, content.AsMemory(1000, 100)));
        Assert.Equal(HttpStatusCode.OK, (await served.FinishAsync()).Status);
    }

    [Fact]
    public async Task A_cancelled_upload_waits_for_the_piece_that_is_being_written()
    {
        await using var served = await StartAsync();
        var (writing, go) = (new TaskCompletionSource(), new TaskCompletionSource());
        served.Disk.Fails = () =>
        {
            writing.SetResult();
            return go.Task;
        };
        var put = served.PutAsync(null, content.AsMemory(0, 100));
        await writing.Task.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);
        await served.Stop.CancelAsync();
        Assert.False(served.In.IsCompleted);
        go.SetResult();
        Assert.Equal(HttpStatusCode.OK, await put);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => served.In.WaitAsync(TimeSpan.FromSeconds(30)));
        Assert.Equal(HttpStatusCode.Conflict, await served.PutAsync(null, content.AsMemory(0, 100)));
    }

    [Theory]
    [InlineData(null, 200, 0, Size, null)]
    [InlineData("bytes=10-19", 206, 10, 10, "bytes 10-19/1048576")]
    [InlineData("bytes=1048570-", 206, 1048570, 6, "bytes 1048570-1048575/1048576")]
    [InlineData("bytes=1048570-99999999", 206, 1048570, 6, "bytes 1048570-1048575/1048576")]
    [InlineData("bytes=-6", 206, 1048570, 6, "bytes 1048570-1048575/1048576")]
    [InlineData("bytes=-99999999", 206, 0, Size, "bytes 0-1048575/1048576")]
    [InlineData("bytes=1048576-", 416, 0, 0, "bytes */1048576")]
    [InlineData("bytes=-0", 416, 0, 0, "bytes */1048576")]
    [InlineData("bytes=0-1,5-6", 200, 0, Size, null)]
    [InlineData("pages=1-2", 200, 0, Size, null)]
    public async Task A_range_of_a_disk_is_read_as_HTTP_says(string? range, int status, int from, int length, string? said)
    {
        await using var served = await StartAsync();
        content.CopyTo(served.Disk.Bytes, 0);
        foreach (var method in new[] { HttpMethod.Get, HttpMethod.Head })
        {
            using var request = new HttpRequestMessage(method, "v1/transfers/out/content");
            if (range is not null)
            {
                request.Headers.TryAddWithoutValidation("Range", range);
            }
            using var response = await served.Http.SendAsync(request, TestContext.Current.CancellationToken);
            Assert.Equal((status, said, "bytes"), ((int)response.StatusCode, response.Content.Headers.ContentRange?.ToString(), string.Join(",", response.Headers.AcceptRanges)));
            Assert.Equal(length, response.Content.Headers.ContentLength);
            var body = await response.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken);
            Assert.Equal(method == HttpMethod.Head ? [] : content[from..(from + length)], body);
        }
    }

    [Fact]
    public async Task Whoever_asks_another_node_for_a_disk_is_sent_to_the_SPM()
    {
        await using var served = await StartAsync();
        content.CopyTo(served.Disk.Bytes, 0);
        await using var other = await ServedNode.StartAsync(new ScriptedNode { Leader = () => $"{served.Http.BaseAddress}" });
        using var http = new HttpClient { BaseAddress = new Uri(other.Url) };
        Assert.Equal(content, await http.GetByteArrayAsync("v1/transfers/out/content", TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task A_disk_that_cannot_be_read_any_more_is_answered_with_the_reason()
    {
        await using var served = await StartAsync();
        using (await served.Http.PostAsync("v1/transfers/out/finish", null, TestContext.Current.CancellationToken))
        using (var response = await served.Http.GetAsync("v1/transfers/out/content", TestContext.Current.CancellationToken))
        {
            Assert.Equal((HttpStatusCode.Conflict, null), (response.StatusCode, response.Content.Headers.ContentRange));
            Assert.Contains("nothing more is taken", (await response.Content.ReadFromJsonAsync<ErrorReply>(TestContext.Current.CancellationToken))!.Error, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task What_is_not_there_is_not_found()
    {
        await using var served = await StartAsync();
        foreach (var path in new[] { "other/content", "in/content", "in/extents" })
        {
            using var response = await served.Http.GetAsync("v1/transfers/" + path, TestContext.Current.CancellationToken);
            Assert.Equal(HttpStatusCode.NotFound, response.StatusCode);
        }
    }

    static byte[] Content()
    {
        var bytes = new byte[Size];
        new Random(11).NextBytes(bytes);
        return bytes;
    }

    static async Task<Served> StartAsync()
    {
        var disks = new ScriptedDisks();
        return new Served(await ServedNode.StartAsync(new ScriptedNode { Transfers = disks }), disks);
    }

    sealed class Served : IAsyncDisposable
    {
        readonly ServedNode node;

        public Served(ServedNode node, ScriptedDisks disks)
        {
            (this.node, Disk) = (node, disks.Disk);
            Http = new HttpClient { BaseAddress = new Uri(node.Url) };
            (In, Out) = disks.Open(Stop.Token);
        }

        public MemoryDisk Disk { get; }

        public HttpClient Http { get; }

        public CancellationTokenSource Stop { get; } = new();

        public Task In { get; }

        public Task Out { get; }

        public async Task<HttpStatusCode> PutAsync(long? offset, ReadOnlyMemory<byte> bytes, string? range = null)
        {
            using var body = new ReadOnlyMemoryContent(bytes);
            if (offset is { } from)
            {
                body.Headers.ContentRange = new ContentRangeHeaderValue(from, from + bytes.Length - 1);
            }
            else if (range is not null)
            {
                body.Headers.TryAddWithoutValidation("Content-Range", range);
            }
            using var response = await Http.PutAsync("v1/transfers/in/content", body);
            return response.StatusCode;
        }

        public async Task<HttpStatusCode> PatchAsync(string json)
        {
            using var response = await Http.PatchAsync("v1/transfers/in/content", new StringContent(json, Encoding.UTF8, "application/json"));
            return response.StatusCode;
        }

        public async Task<TransferReply> StatusAsync() => (await Http.GetFromJsonAsync<TransferReply>("v1/transfers/in"))!;

        public async Task<(HttpStatusCode Status, string Said)> FinishAsync()
        {
            using var response = await Http.PostAsync("v1/transfers/in/finish", null);
            return (response.StatusCode, await response.Content.ReadAsStringAsync());
        }

        public async ValueTask DisposeAsync()
        {
            await Stop.CancelAsync();
            await Task.WhenAll(In, Out).ContinueWith(_ => { }, TaskScheduler.Default);
            Http.Dispose();
            Stop.Dispose();
            await node.DisposeAsync();
        }
    }

    /// <summary>A body whose length nobody knows.</summary>
    sealed class Endless : MemoryStream
    {
        public override bool CanSeek => false;
    }
}
