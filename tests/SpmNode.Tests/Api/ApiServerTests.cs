using System.Net;
using System.Net.Http.Json;
using System.Text;
using FsCheck;
using FsCheck.Fluent;
using Microsoft.Extensions.Configuration;
using OvirtSpm.Node.Api;
using OvirtSpm.Node.Cli;
using OvirtSpm.Node.Cluster;

namespace OvirtSpm.Node.Tests.Api;

public sealed class ApiServerTests : IAsyncLifetime
{
    readonly ScriptedNode node = new();
    readonly HttpClient http = new(new SocketsHttpHandler { AllowAutoRedirect = false });
    ServedNode served = null!;

    public async ValueTask InitializeAsync()
    {
        served = await ServedNode.StartAsync(node);
        http.BaseAddress = new Uri(served.Url);
    }

    public async ValueTask DisposeAsync()
    {
        http.Dispose();
        await served.DisposeAsync();
    }

    /// A file that is read is watched, with every directory around it: a node that is started in / would look through the whole machine.
    [Fact]
    public void Nothing_is_read_or_watched_in_the_directory_where_the_node_was_started() =>
        Assert.DoesNotContain(served.Settings, settings => settings is FileConfigurationProvider);

    [Fact]
    public async Task A_node_that_does_not_lead_sends_what_changes_the_pool_to_the_leader_and_keeps_the_method()
    {
        node.Leader = () => "http://127.0.0.1:9/";
        foreach (var (method, path) in ((HttpMethod, string)[])[(HttpMethod.Post, "/v1/volumes/x/extend?a=b"), (HttpMethod.Delete, "/v1/volumes/x"), (HttpMethod.Post, "/v1/volumes")])
        {
            using var request = new HttpRequestMessage(method, path);
            request.Content = method == HttpMethod.Delete ? null : new StringContent("{\"sizeBytes\":1,\"volume\":\"v\",\"virtualSizeBytes\":1,\"format\":\"cow\",\"noZero\":false}", Encoding.UTF8, "application/json");
            using var response = await http.SendAsync(request);
            Assert.Equal(HttpStatusCode.TemporaryRedirect, response.StatusCode);
            Assert.Equal("http://127.0.0.1:9" + path, response.Headers.Location!.ToString());
        }
        Assert.Empty(node.Extends);
        // What is of this host alone is answered here.
        Assert.Equal(HttpStatusCode.OK, (await http.GetAsync("/v1/volumes")).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await http.PostAsync("/v1/volumes/x/activate", null)).StatusCode);
    }

    [Theory]
    [InlineData(RefusalCode.Invalid, 400)]
    [InlineData(RefusalCode.NotFound, 404)]
    [InlineData(RefusalCode.Conflict, 409)]
    [InlineData(RefusalCode.NotLeader, 421)]
    [InlineData(RefusalCode.NoSpace, 507)]
    [InlineData(RefusalCode.OutcomeUnknown, 504)]
    [InlineData(RefusalCode.Unavailable, 503)]
    [InlineData(RefusalCode.Damaged, 500)]
    public async Task Every_refusal_has_its_status_its_words_and_its_code(RefusalCode code, int status)
    {
        node.Extend = _ => throw new Refusal(code, "what, why, and what to do.");
        using var response = await http.PostAsJsonAsync("/v1/volumes/x/extend", new ExtendVolumeRequest(1, null, null, null), Output.Json);
        Assert.Equal(status, (int)response.StatusCode);
        Assert.Equal(new ErrorReply("what, why, and what to do.", code.ToString()), await response.Content.ReadFromJsonAsync<ErrorReply>(Output.Json));
        await using var client = new NodeClient(served.Url);
        var refusal = await Assert.ThrowsAsync<Refusal>(() => client.ExtendVolumeAsync("x", new(1, null, null, null)));
        Assert.Equal((code, "what, why, and what to do."), (refusal.Code, refusal.Message));
    }

    [Fact]
    public async Task No_leader_at_all_is_said_with_503()
    {
        node.Leader = () => throw Refusal.Unavailable("one is being elected. Ask again in a few seconds.");
        using var response = await http.DeleteAsync("/v1/volumes/x");
        Assert.Equal(HttpStatusCode.ServiceUnavailable, response.StatusCode);
        Assert.Contains("elected", (await response.Content.ReadFromJsonAsync<ErrorReply>(Output.Json))!.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Storage_that_fails_is_503_with_its_words()
    {
        using var response = await http.GetAsync("/v1/hosts");
        Assert.Equal(HttpStatusCode.ServiceUnavailable, response.StatusCode);
        Assert.Equal("the LUN does not answer", (await response.Content.ReadFromJsonAsync<ErrorReply>(Output.Json))!.Error);
    }

    [Fact]
    public async Task Health_follows_the_deadline()
    {
        Assert.Equal(HttpStatusCode.OK, (await http.GetAsync("/healthz")).StatusCode);
        node.Margin = 0;
        Assert.Equal(HttpStatusCode.ServiceUnavailable, (await http.GetAsync("/healthz")).StatusCode);
    }

    [Fact]
    public async Task The_same_request_twice_gets_the_same_answer()
    {
        var request = new ExtendVolumeRequest(1L << 30, 2, 3, 4);
        var answers = new List<string>();
        for (var i = 0; i < 2; i++)
        {
            using var response = await http.PostAsJsonAsync("/v1/volumes/x/extend", request, Output.Json);
            answers.Add(await response.Content.ReadAsStringAsync());
        }
        Assert.Equal(answers[0], answers[1]);
        Assert.Equal([request, request], node.Extends);
    }

    [Fact]
    public void Any_body_gets_a_clear_answer_and_never_a_500()
    {
        var bodies = Gen.OneOf(
            ArbMap.Default.ArbFor<string>().Generator.Select(text => text ?? ""),
            Gen.Elements("", "null", "[]", "{", "{}", "{\"sizeBytes\":\"x\"}", "{\"sizeBytes\":1e999}", "{\"sizeBytes\":99999999999999999999}", "{\"hostId\":{}}", new string('[', 200)));
        Prop.ForAll(bodies.ToArbitrary(), body =>
        {
            using var content = new StringContent(body, Encoding.UTF8, "application/json");
            using var response = http.PostAsync("/v1/volumes/x/extend", content).GetAwaiter().GetResult();
            if (response.StatusCode == HttpStatusCode.OK)
            {
                return;
            }
            Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
            var error = response.Content.ReadFromJsonAsync<ErrorReply>(Output.Json).GetAwaiter().GetResult();
            Assert.True(error is { Code: "Invalid", Error.Length: > 10 }, $"{error}");
        }).QuickCheckThrowOnFailure();
    }
}
