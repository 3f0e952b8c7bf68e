using System.Net.Http.Json;
using System.Text.Json;
using OvirtSpm.Node.Api;
using OvirtSpm.Node.Cli;

namespace OvirtSpm.Node.Demo;

/// <summary>The HTTP interface of one node, as a user's program calls it. Follows the redirect to the leader.</summary>
/// <remarks>Everything throws <see cref="Refusal"/> with the node's own words when it refuses, or when it cannot be reached.</remarks>
sealed class NodeApi(string url) : IDisposable
{
    readonly HttpClient http = new() { BaseAddress = new Uri(url), Timeout = TimeSpan.FromSeconds(60) };

    public string Url => url;

    public Task<StatusReply> StatusAsync(CancellationToken stop) => GetAsync<StatusReply>("v1/status", stop);

    public Task<VolumeReply[]> VolumesAsync(CancellationToken stop) => GetAsync<VolumeReply[]>("v1/volumes", stop);

    public Task<GuestReply[]> GuestsAsync(CancellationToken stop) => GetAsync<GuestReply[]>("v1/guests", stop);

    public Task<VolumeReply> CreateVolumeAsync(CreateVolumeRequest request, CancellationToken stop) =>
        PostAsync<VolumeReply>("v1/volumes", JsonContent.Create(request, options: Output.Json), stop);

    public Task<ActivateVolumeReply> ActivateAsync(string volume, bool readOnly, CancellationToken stop) =>
        PostAsync<ActivateVolumeReply>($"v1/volumes/{volume}/activate?readOnly={(readOnly ? "true" : "false")}", null, stop);

    public Task DeactivateAsync(string volume, CancellationToken stop) =>
        SendAsync(HttpMethod.Post, $"v1/volumes/{volume}/deactivate", null, stop);

    public Task DeleteVolumeAsync(string volume, CancellationToken stop) => SendAsync(HttpMethod.Delete, $"v1/volumes/{volume}", null, stop);

    public Task<GuestReply> WatchAsync(WatchGuestRequest request, CancellationToken stop) =>
        PostAsync<GuestReply>("v1/guests", JsonContent.Create(request, options: Output.Json), stop);

    public Task UnwatchAsync(string guest, CancellationToken stop) => SendAsync(HttpMethod.Delete, $"v1/guests/{guest}", null, stop);

    public void Dispose() => http.Dispose();

    async Task<T> GetAsync<T>(string path, CancellationToken stop) => Parse<T>(path, await SendAsync(HttpMethod.Get, path, null, stop));

    async Task<T> PostAsync<T>(string path, HttpContent? body, CancellationToken stop) => Parse<T>(path, await SendAsync(HttpMethod.Post, path, body, stop));

    T Parse<T>(string path, string text)
    {
        try
        {
            return JsonSerializer.Deserialize<T>(text, Output.Json) ?? throw new JsonException("null");
        }
        catch (JsonException wrong)
        {
            throw Refusal.Damaged($"{url}{path} answered with something else than {typeof(T).Name}: {wrong.Message}");
        }
    }

    async Task<string> SendAsync(HttpMethod method, string path, HttpContent? body, CancellationToken stop)
    {
        try
        {
            using var request = new HttpRequestMessage(method, path) { Content = body };
            using var reply = await http.SendAsync(request, stop);
            var text = await reply.Content.ReadAsStringAsync(stop);
            return reply.IsSuccessStatusCode ? text : throw Refused($"{method} {path}", (int)reply.StatusCode, text);
        }
        catch (HttpRequestException unreachable)
        {
            throw Refusal.Unavailable($"{url} does not answer: {unreachable.Message}");
        }
        catch (OperationCanceledException) when (!stop.IsCancellationRequested)
        {
            throw Refusal.Unavailable($"{url}{path} did not answer within {http.Timeout.TotalSeconds:0} s.");
        }
    }

    Refusal Refused(string what, int status, string text)
    {
        try
        {
            text = JsonSerializer.Deserialize<ErrorReply>(text, Output.Json)?.Error ?? text;
        }
        catch (JsonException)
        {
            // Not the node's own words: shown as they came.
        }
        return new Refusal(
            status switch { 404 => RefusalCode.NotFound, 409 => RefusalCode.Conflict, 507 => RefusalCode.NoSpace, _ => RefusalCode.Unavailable },
            $"{url} refused {what} ({status}): {text}");
    }
}
