using System.Text.Json;
using OvirtSpm.Node.Api;
using OvirtSpm.Node.Demo;

namespace OvirtSpm.Lab.Hosts;

/// <summary>A node on a virtual host, asked over the host's own loopback or from another host.</summary>
internal sealed class LabNode(LabHost host, string device)
{
    public const int Port = 7400;

    private const string State = "/run/spm";

    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web);

    private Task<ToolOutcome>? _process;

    public LabHost Host => host;

    public int HostId => host.Number;

    public static string Program => Path.Combine(AppContext.BaseDirectory, "spm");

    public string Url => $"http://{host.Address}:{Port}";

    /// <summary>Not yet, or not any more.</summary>
    public bool HasEnded => _process is not { IsCompleted: false };

    public async Task StartAsync(string options)
    {
        await host.DoAsync($"mkdir -p {State}; printf '%s' '{{\"RunDirectory\":\"{State}\",\"WarmUp\":false}}' > {State}.json");
        _process = host.RunAsync(
            $"echo $$ > {State}/pid; exec {Program} node --config {State}.json --lun {device} --host-id {HostId} --name {host.Name} --listen {host.Address}:{Port} "
            + $"--insecure-listen --state {State} --sleep none {options} >> {LogFile} 2>&1", TimeSpan.FromHours(1));
        StatusReply? seen = null;
        await LabWait.UntilAsync(LabWait.Patience, () => $"{host.Name} holds its host id: {seen}; {Log}", async () =>
        {
            Assert.False(HasEnded, $"the node of {host.Name} ended: {Log}");
            seen = await StatusAsync();
            return seen is { LeaseMarginSeconds: > 0 };
        });
    }

    /// <returns>Null when it does not answer.</returns>
    public async Task<StatusReply?> StatusAsync()
    {
        var (code, body) = await AskAsync("GET", "/v1/status");
        return code == 200 ? JsonSerializer.Deserialize<StatusReply>(body, Json) : null;
    }

    /// <summary>A request to its API.</summary>
    /// <returns>Code 0 when it does not answer.</returns>
    public async Task<(int Code, string Body)> AskAsync(string verb, string path, string content = "")
    {
        // Our own client takes seconds to start under emulation, and would be most of the load. The answer ends with the connection.
        var outcome = await host.RunAsync($$"""
            exec bash -c 'exec 3<>/dev/tcp/{{host.Address}}/{{Port}} &&
            printf "{{verb}} {{path}} HTTP/1.0\r\nContent-Type: application/json\r\nContent-Length: {{content.Length}}\r\n\r\n%s" "$0" >&3 || exit
            while read -r -t 60 line <&3 || [[ -n $line ]]; do printf "%s\n" "$line"; done' '{{content}}'
            """);
        var body = outcome.Output.IndexOf("\r\n\r\n", StringComparison.Ordinal);
        return body > 0 && outcome.Output.Split(' ') is [_, var code, ..] ? (int.Parse(code), outcome.Output[(body + 4)..]) : (0, outcome.Excerpt);
    }

    /// <summary>As <see cref="AskAsync"/>, and it must be done.</summary>
    public async Task<string> DoAsync(string verb, string path, string content = "")
    {
        var (code, body) = await AskAsync(verb, path, content);
        Assert.True(code is 200 or 201, $"{verb} {path}: {code} {body}\n{Log}");
        return body;
    }

    /// <returns>QEMU's options for it.</returns>
    public async Task<BlockDeviceOptions> ActivateAsync(string volume) =>
        BlockDeviceOptions.Parse(JsonSerializer.Deserialize<ActivateVolumeReply>(await DoAsync("POST", $"/v1/volumes/{volume}/activate"), Json)!.BlockDevice);

    public string Log => File.Exists(LogFile) ? File.ReadAllText(LogFile) : "";

    private string LogFile => $"{host.Share}/node.log";

    /// <summary>A signal to the node's process.</summary>
    public Task SignalAsync(string signal) => host.DoAsync($"kill -{signal} $(cat {State}/pid)");
}
