using System.Diagnostics;
using System.Text.Json;
using OvirtSpm.Monitor.Qmp;
using OvirtSpm.Node.Api;
using OvirtSpm.Node.Pool.Images;
using OvirtSpm.Volumes.Volume;

namespace OvirtSpm.Node.Activation.Images;

/// <summary>qemu-storage-daemon with one chain open, node by node as we say; driven over its standard input and output.</summary>
/// <remarks>
/// qemu-img cannot open a layer whose parent is named relatively, as oVirt names it, over NBD ("Cannot generate a base directory
/// for NBD nodes", QEMU 7.2), not even when told where the parent is. Given as nodes the names in the headers are not looked at.
/// </remarks>
sealed class StorageDaemon : IAsyncDisposable
{
    public const string ExportName = "chain";

    static readonly TimeSpan QuitLimit = TimeSpan.FromSeconds(10);
    static readonly TimeSpan LookInterval = TimeSpan.FromMilliseconds(100);

    readonly Process process;
    readonly QmpSession session;
    readonly string directory, root, name;
    readonly IReadOnlyList<ImageLayer> chain;
    readonly TimeProvider clock;

    /// <param name="root">The node that is offered.</param>
    /// <param name="name">For people.</param>
    StorageDaemon(Process process, QmpSession session, string directory, string root, string name, IReadOnlyList<ImageLayer> chain, TimeProvider clock) =>
        (this.process, this.session, this.directory, this.root, this.name, this.chain, this.clock) = (process, session, directory, root, name, chain, clock);

    /// <param name="chain">From the leaf to the lowest layer that counts; nothing below it is opened.</param>
    /// <param name="writable">Layers that are opened for writing.</param>
    public static Task<StorageDaemon> OpenAsync(
        ServedLayers layers, IReadOnlyList<ImageLayer> chain, Func<ImageLayer, bool> writable, TimeProvider clock, CancellationToken stop) => OpenAsync(
        chain.Reverse().SelectMany(layer => Nodes(layers, chain, layer, writable(layer))), layers.Directory, NodeName(chain, chain[0]), $"volume {chain[0].Volume}", chain, clock, stop);

    /// <summary>An image from outside the pool, read-only.</summary>
    public static Task<StorageDaemon> OpenAsync(ServedFile file, string name, TimeProvider clock, CancellationToken stop) =>
        OpenAsync(["--blockdev", file.Node], file.Directory, ServedFile.NodeName, name, [], clock, stop);

    static async Task<StorageDaemon> OpenAsync(
        IEnumerable<string> nodes, string directory, string root, string name, IReadOnlyList<ImageLayer> chain, TimeProvider clock, CancellationToken stop)
    {
        var process = Start([.. nodes, "--chardev", "stdio,id=qmp", "--monitor", "chardev=qmp"]);
        var complaint = process.StandardError.ReadToEndAsync(CancellationToken.None);
        try
        {
            var session = await QmpSession.OpenAsync(
                new PipeStream(process.StandardOutput.BaseStream, process.StandardInput.BaseStream), QmpLimits.Default, clock, stop);
            return new StorageDaemon(process, session, directory, root, name, chain, clock);
        }
        catch (Exception failed)
        {
            process.Kill();
            await process.WaitForExitAsync(CancellationToken.None);
            process.Dispose();
            throw failed is QmpSessionException
                ? Refusal.Unavailable($"the image of {name} cannot be opened: {Last(await complaint) ?? failed.Message}")
                : failed;
        }
    }

    /// <summary>Offers what the chain reads as, for one of QEMU's tools.</summary>
    /// <returns>Its address.</returns>
    public async Task<string> ExportAsync(CancellationToken stop, bool writable = false)
    {
        try
        {
            return await OfferAsync(writable, stop);
        }
        catch (QmpCommandException failed)
        {
            throw Refusal.Unavailable($"{name} cannot be read: {failed.Message}");
        }
    }

    /// <summary>Where it is offered.</summary>
    public string Socket => Path.Combine(directory, "chain.sock");

    async Task<string> OfferAsync(bool writable, CancellationToken stop)
    {
        await session.ExecuteAsync("nbd-server-start", json =>
        {
            json.WriteStartObject("addr");
            json.WriteString("type", "unix");
            json.WriteStartObject("data");
            json.WriteString("path", Socket);
            json.WriteEndObject();
            json.WriteEndObject();
        }, stop);
        await session.ExecuteAsync("block-export-add", json =>
        {
            json.WriteString("type", "nbd");
            json.WriteString("id", ExportName);
            json.WriteString("node-name", root);
            json.WriteString("name", ExportName);
            json.WriteBoolean("writable", writable);
        }, stop);
        return $"nbd+unix:///{ExportName}?socket={Socket}";
    }

    /// <summary>Writes what the leaf holds into the layer below, and flushes it.</summary>
    /// <exception cref="Refusal">QEMU refused or failed; what the leaf holds is untouched.</exception>
    public async Task CommitAsync(IProgress<double> progress, CancellationToken stop)
    {
        try
        {
            await RunCommitAsync(progress, stop);
        }
        catch (Exception failed) when (failed is QmpCommandException or QmpSessionException)
        {
            throw Refusal.Unavailable($"the content of volume {chain[0].Volume} could not be written into {chain[1].Volume}: {failed.Message}");
        }
    }

    async Task RunCommitAsync(IProgress<double> progress, CancellationToken stop)
    {
        var completing = false;
        await session.ExecuteAsync("block-commit", json =>
        {
            json.WriteString("job-id", "commit");
            json.WriteString("device", NodeName(chain, chain[0]));
            json.WriteString("base-node", NodeName(chain, chain[1]));
            json.WriteBoolean("auto-dismiss", false);
        }, stop);
        while (true)
        {
            var job = (await session.ExecuteAsync("query-jobs", null, stop))[0];
            switch (job.GetProperty("status").GetString())
            {
                // Once: it may leave this state between two looks, and does not take the word in the next one.
                case "ready" when !completing:
                    completing = true;
                    await session.ExecuteAsync("job-complete", json => json.WriteString("id", "commit"), stop);
                    break;
                case "concluded" when job.TryGetProperty("error", out var error):
                    throw Refusal.Unavailable($"the content of volume {chain[0].Volume} could not be written into {chain[1].Volume}: {error.GetString()}");
                case "concluded":
                    return;
                default:
                    progress.Report(Share(job));
                    await Task.Delay(LookInterval, clock, stop);
                    break;
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        try
        {
            // Closing the nodes writes what is cached: only then the sockets go.
            await session.ExecuteAsync("quit", null, CancellationToken.None);
            await process.WaitForExitAsync(CancellationToken.None).WaitAsync(QuitLimit, clock);
        }
        catch (Exception failed) when (failed is QmpSessionException or QmpCommandException or TimeoutException)
        {
            process.Kill();
            await process.WaitForExitAsync(CancellationToken.None);
        }
        await session.DisposeAsync();
        process.Dispose();
    }

    static double Share(JsonElement job) =>
        job.GetProperty("total-progress").GetDouble() is > 0 and var total ? job.GetProperty("current-progress").GetDouble() / total : 0;

    static IEnumerable<string> Nodes(ServedLayers layers, IReadOnlyList<ImageLayer> chain, ImageLayer layer, bool writable)
    {
        var below = chain.SkipWhile(other => other != layer).Skip(1).FirstOrDefault();
        var access = writable ? "" : ",read-only=on";
        yield return "--blockdev";
        yield return $"driver=nbd,node-name={NodeName(chain, layer)}f,server.type=unix,server.path={layers.SocketOf(layer)},export={layer.Volume}{access}";
        yield return "--blockdev";
        yield return layer.Format == VolumeFormat.Raw
            ? $"driver=raw,node-name={NodeName(chain, layer)},file={NodeName(chain, layer)}f{access}"
            : below is null
                ? "{\"driver\":\"qcow2\",\"node-name\":\"" + NodeName(chain, layer) + "\",\"file\":\"" + NodeName(chain, layer) + "f\",\"backing\":null,\"read-only\":" + (writable ? "false" : "true") + "}"
                : $"driver=qcow2,node-name={NodeName(chain, layer)},file={NodeName(chain, layer)}f,backing={NodeName(chain, below)}{access}";
    }

    /// <summary>By its place in the chain: QEMU allows 31 characters, and uuids that people choose differ in the last ones.</summary>
    static string NodeName(IReadOnlyList<ImageLayer> chain, ImageLayer layer) => $"layer{chain.TakeWhile(other => other != layer).Count()}";

    static string? Last(string complaint) => complaint.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).LastOrDefault();

    static Process Start(IEnumerable<string> arguments) => QemuProcess.Start(
        "qemu-storage-daemon", arguments, "qemu-storage-daemon is not installed; it opens chains of images. Install qemu-system-common.", talks: true);
}
