using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text.Json;
using OvirtSpm.Node.Api;
using OvirtSpm.Node.Cli;
using Polly;
using Polly.Retry;

namespace OvirtSpm.Node.Cluster;

/// <summary>A node's HTTP API as seen by the CLI and by other nodes. Redirects to the leader are followed.</summary>
/// <remarks>Repeats are harmless (the same request id, caller-chosen uuids, absolute sizes), so a lost connection is tried again a few times.</remarks>
sealed class NodeClient : IPoolVerbs
{
    static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(2);

    readonly HttpClient http;
    readonly ResiliencePipeline retry;

    public NodeClient(string url, TimeSpan? timeout = null, HttpMessageHandler? handler = null)
    {
        if (!Uri.TryCreate(url, UriKind.Absolute, out var address) || address.Scheme is not ("http" or "https"))
        {
            throw Refusal.Invalid($"'{url}' is not the address of a node: http://HOST:PORT is expected.");
        }
        http = new HttpClient(handler ?? new SocketsHttpHandler { PooledConnectionLifetime = TimeSpan.FromMinutes(2), ConnectTimeout = ConnectTimeout })
        {
            BaseAddress = address,
            Timeout = timeout ?? TimeSpan.FromMinutes(10),
        };
        retry = new ResiliencePipelineBuilder().AddRetry(new RetryStrategyOptions
        {
            ShouldHandle = new PredicateBuilder().Handle<HttpRequestException>(failed => failed.StatusCode is null).Handle<SocketException>(),
            MaxRetryAttempts = 3,
            Delay = TimeSpan.FromMilliseconds(100),
            BackoffType = DelayBackoffType.Exponential,
            UseJitter = true,
        }).Build();
    }

    public Task<StatusReply> StatusAsync() => SendAsync<StatusReply>(HttpMethod.Get, "v1/status");

    public Task<IReadOnlyList<HostReply>> HostsAsync() => SendAsync<IReadOnlyList<HostReply>>(HttpMethod.Get, "v1/hosts");

    public Task<IReadOnlyList<VolumeReply>> ListVolumesAsync() => SendAsync<IReadOnlyList<VolumeReply>>(HttpMethod.Get, "v1/volumes");

    public Task<VolumeReply> GetVolumeAsync(string reference) => SendAsync<VolumeReply>(HttpMethod.Get, Volume(reference));

    public Task<JournalReply> JournalAsync() => SendAsync<JournalReply>(HttpMethod.Get, "v1/journal");

    public Task<VolumeReply> CreateVolumeAsync(CreateVolumeRequest request, IProgress<double>? progress = null, CancellationToken stop = default) => progress is null || request.Source is null
        ? SendAsync<VolumeReply>(HttpMethod.Post, "v1/volumes", request)
        : new TaskWatch(this, progress, stop).RunAsync(request.Request, "v1/volumes", request, request.Volume);

    public Task<ExtendVolumeReply> ExtendVolumeAsync(string reference, ExtendVolumeRequest request) =>
        SendAsync<ExtendVolumeReply>(HttpMethod.Post, Volume(reference) + "/extend", request);

    public Task<DeleteVolumeReply> DeleteVolumeAsync(string reference, string? request = null, bool wipe = false, bool discard = false, IProgress<double>? progress = null)
    {
        var query = $"{Volume(reference)}?wipe={(wipe ? "true" : "false")}{(discard ? "&discard=true" : "")}{(request is null ? "" : "&request=" + Uri.EscapeDataString(request))}";
        return progress is null || !(wipe || discard)
            ? SendAsync<DeleteVolumeReply>(HttpMethod.Delete, query)
            : new TaskWatch(this, progress, CancellationToken.None).DeleteAsync(request, query, reference);
    }

    public Task<VolumeReply> ChangeVolumeAsync(string reference, VolumeChange change, IProgress<double>? progress = null) => progress is null || !change.IsMerge
        ? SendAsync<VolumeReply>(HttpMethod.Post, Volume(reference) + "/changes", change)
        : new TaskWatch(this, progress, CancellationToken.None).RunAsync(change.Request, Volume(reference) + "/changes", change, reference);

    public Task<IReadOnlyList<TaskReply>> TasksAsync() => SendAsync<IReadOnlyList<TaskReply>>(HttpMethod.Get, "v1/tasks");

    /// <param name="wait">How long to wait for its end before answering.</param>
    public Task<TaskReply> TaskAsync(string task, TimeSpan wait = default) => SendAsync<TaskReply>(
        HttpMethod.Get, string.Create(CultureInfo.InvariantCulture, $"v1/tasks/{Uri.EscapeDataString(task)}?wait={wait.TotalSeconds:0.###}"));

    public Task<TaskReply> CancelTaskAsync(string task) => SendAsync<TaskReply>(HttpMethod.Delete, "v1/tasks/" + Uri.EscapeDataString(task));

    /// <summary>Cancels it and waits for its end, if anybody is there to be told.</summary>
    public async Task EndTaskAsync(string task)
    {
        try
        {
            await CancelTaskAsync(task);
            while (!(await TaskAsync(task, TimeSpan.FromSeconds(10))).HasEnded)
            {
            }
        }
        catch (Refusal)
        {
            // What it held ends with it, or by its own patience. Why the caller stopped is what counts.
        }
    }

    public Task<TransferReply> BeginUploadAsync(UploadRequest request) => SendAsync<TransferReply>(HttpMethod.Post, "v1/uploads", request);

    public Task<TransferReply> BeginDownloadAsync(string reference, string request) =>
        SendAsync<TransferReply>(HttpMethod.Post, $"{Volume(reference)}/downloads?request={Uri.EscapeDataString(request)}");

    public Task<IReadOnlyList<ExtentReply>> ExtentsAsync(string transfer) => SendAsync<IReadOnlyList<ExtentReply>>(HttpMethod.Get, Transfer(transfer) + "/extents");

    public Task<TransferReply> ChangeUploadAsync(string transfer, UploadChange change) => SendAsync<TransferReply>(HttpMethod.Patch, Transfer(transfer) + "/content", change);

    /// <summary>A piece of an upload. Sent again, it comes to the same.</summary>
    public Task<TransferReply> PutAsync(string transfer, long offsetBytes, ReadOnlyMemory<byte> data) => AskAsync<TransferReply>("v1/transfers", () =>
    {
        var request = new HttpRequestMessage(HttpMethod.Put, Transfer(transfer) + "/content") { Content = new ReadOnlyMemoryContent(data) };
        request.Content.Headers.ContentRange = new ContentRangeHeaderValue(offsetBytes, offsetBytes + data.Length - 1);
        return request;
    });

    /// <summary>A piece of a download, all of it or an error.</summary>
    public Task<byte[]> GetAsync(string transfer, long offsetBytes, int length) => ReadAsync(Transfer(transfer) + "/content", offsetBytes, length);

    /// <summary>Has another domain's volume come to this one's.</summary>
    public Task<VolumeReply> ReceiveAsync(ArrivalRequest request, IProgress<double> progress, CancellationToken stop) =>
        new TaskWatch(this, progress, stop).RunAsync(request.Request, "v1/arrivals", request, request.Volume);

    public Task<DepartureReply> BeginDepartureAsync(DepartureRequest request) => SendAsync<DepartureReply>(HttpMethod.Post, "v1/departures", request);

    /// <summary>A piece of a volume that leaves, all of it or an error.</summary>
    public Task<byte[]> GetAsync(string departure, Guid volume, long offsetBytes, int length) =>
        ReadAsync($"{Transfer(departure)}/volumes/{volume}/content", offsetBytes, length);

    public Task<TransferReply> TransferAsync(string transfer) => SendAsync<TransferReply>(HttpMethod.Get, Transfer(transfer));

    async Task<byte[]> ReadAsync(string path, long offsetBytes, int length)
    {
        var bytes = await AskAsync(path, () =>
        {
            var request = new HttpRequestMessage(HttpMethod.Get, path);
            request.Headers.Range = new RangeHeaderValue(offsetBytes, offsetBytes + length - 1);
            return request;
        }, content => content.ReadAsByteArrayAsync());
        return bytes.Length == length ? bytes : throw Refusal.Unavailable($"{http.BaseAddress} sent {bytes.Length} bytes where {length} were asked for. Is that a node?");
    }

    public Task<VolumeReply> FinishTransferAsync(string transfer) => SendAsync<VolumeReply>(HttpMethod.Post, Transfer(transfer) + "/finish");

    public Task<MeasureReply> MeasureAsync(string reference) => SendAsync<MeasureReply>(HttpMethod.Get, Volume(reference) + "/measure");

    /// <summary>Begins long work; the answer comes before anything is done.</summary>
    public Task<TaskReply> BeginAsync(string path, object body) => SendAsync<TaskReply>(HttpMethod.Post, path, body, later: true);

    /// <summary>Begins a deletion; the answer comes before anything is done.</summary>
    public Task<TaskReply> BeginDeletionAsync(string query) => SendAsync<TaskReply>(HttpMethod.Delete, query, later: true);

    public Task<SpaceReply> SetSpaceAsync(SpaceRequest request) => SendAsync<SpaceReply>(HttpMethod.Post, "v1/space", request);

    public Task<GuardReply> GuardAsync(GuardRequest request) =>
        request.On is null ? SendAsync<GuardReply>(HttpMethod.Get, "v1/guard") : SendAsync<GuardReply>(HttpMethod.Post, "v1/guard", request);

    public Task<AddDeviceReply> AddDeviceAsync(AddDeviceRequest request) => SendAsync<AddDeviceReply>(HttpMethod.Post, "v1/devices", request);

    public Task<GarbageReply> GarbageAsync(bool collect) =>
        collect ? SendAsync<GarbageReply>(HttpMethod.Post, "v1/garbage/collect") : SendAsync<GarbageReply>(HttpMethod.Get, "v1/garbage");

    public Task<ActivateVolumeReply> ActivateAsync(string reference, bool readOnly, bool exclusive = false) =>
        SendAsync<ActivateVolumeReply>(HttpMethod.Post, $"{Volume(reference)}/activate?readOnly={(readOnly ? "true" : "false")}{(exclusive ? "&exclusive=true" : "")}");

    public Task<VolumeReply> DeactivateAsync(string reference) => SendAsync<VolumeReply>(HttpMethod.Post, Volume(reference) + "/deactivate");

    public Task<IReadOnlyList<GuestReply>> GuestsAsync() => SendAsync<IReadOnlyList<GuestReply>>(HttpMethod.Get, "v1/guests");

    public Task<GuestReply> WatchGuestAsync(WatchGuestRequest request) => SendAsync<GuestReply>(HttpMethod.Post, "v1/guests", request);

    /// <returns>Whom it watches still.</returns>
    public Task<IReadOnlyList<GuestReply>> ForgetGuestAsync(string name) =>
        SendAsync<IReadOnlyList<GuestReply>>(HttpMethod.Delete, "v1/guests/" + Uri.EscapeDataString(name));

    public Task<HandOverReply> HandOverAsync(HandOverRequest request) => SendAsync<HandOverReply>(HttpMethod.Post, "v1/handover", request);

    public Task<HandOverNoticeReply> TellAsync(HandOverNotice notice) => SendAsync<HandOverNoticeReply>(HttpMethod.Post, "v1/handover/notice", notice);

    public Task<HostWishesReply> WishAsync(string host, HostWishesRequest request) =>
        SendAsync<HostWishesReply>(HttpMethod.Post, $"v1/hosts/{Uri.EscapeDataString(host)}/wishes", request);

    public Task<ConfirmDeadReply> ConfirmDeadAsync(string host, ConfirmDeadRequest request) =>
        SendAsync<ConfirmDeadReply>(HttpMethod.Post, $"v1/hosts/{Uri.EscapeDataString(host)}/confirm-dead", request);

    public ValueTask DisposeAsync()
    {
        http.Dispose();
        return ValueTask.CompletedTask;
    }

    static string Transfer(string transfer) => "v1/transfers/" + Uri.EscapeDataString(transfer);

    static string Volume(string reference) => "v1/volumes/" + Uri.EscapeDataString(reference);

    Task<T> SendAsync<T>(HttpMethod method, string path, object? body = null, bool later = false) => AskAsync<T>(path, () =>
    {
        var request = new HttpRequestMessage(method, path) { Content = body is null ? null : JsonContent.Create(body, options: Output.Json) };
        if (later)
        {
            request.Headers.Add("Prefer", "respond-async");
        }
        return request;
    });

    Task<T> AskAsync<T>(string path, Func<HttpRequestMessage> ask) => AskAsync(path, ask, async content =>
        await content.ReadFromJsonAsync<T>(Output.Json) ?? throw Refusal.Unavailable($"{http.BaseAddress}{path} answered with nothing."));

    async Task<T> AskAsync<T>(string path, Func<HttpRequestMessage> ask, Func<HttpContent, Task<T>> read)
    {
        var started = Stopwatch.GetTimestamp();
        try
        {
            return await retry.ExecuteAsync(async _ =>
            {
                using var request = ask();
                using var response = await http.SendAsync(request);
                return response.IsSuccessStatusCode ? await read(response.Content) : throw await RefusalOfAsync(response);
            });
        }
        // A peer that dies between accepting and being asked for its address makes the class library throw the socket's own exception.
        catch (Exception failed) when (failed is HttpRequestException or SocketException)
        {
            throw Refusal.Unavailable($"no answer from {http.BaseAddress}: {failed.Message}. Is the node running there?");
        }
        catch (JsonException garbled)
        {
            throw Refusal.Unavailable($"{http.BaseAddress}{path} answered something that is not this API's: {garbled.Message} Is that a node?");
        }
        catch (TaskCanceledException) when (Stopwatch.GetElapsedTime(started) < http.Timeout)
        {
            throw Refusal.Unavailable(
                $"{http.BaseAddress}, or the SPM that it sends this to, took no connection within {ConnectTimeout.TotalSeconds:0} s. Is that machine up? Asking again is harmless.");
        }
        catch (TaskCanceledException)
        {
            throw Refusal.Unavailable($"no answer from {http.BaseAddress} within {http.Timeout.TotalSeconds:0} s. Asking again is harmless.");
        }
    }

    static async Task<Refusal> RefusalOfAsync(HttpResponseMessage response)
    {
        try
        {
            if (await response.Content.ReadFromJsonAsync<ErrorReply>(Output.Json) is { } error
                && Enum.TryParse<RefusalCode>(error.Code, ignoreCase: true, out var code))
            {
                return new Refusal(code, error.Error);
            }
        }
        catch (JsonException)
        {
            // Not one of ours: a proxy, or another service at this address.
        }
        return Refusal.Unavailable($"{response.RequestMessage?.RequestUri} answered {(int)response.StatusCode} without a reason of ours: is that a node{(response.StatusCode is HttpStatusCode.NotFound or HttpStatusCode.MethodNotAllowed ? ", and not older than this program" : "")}?");
    }
}
