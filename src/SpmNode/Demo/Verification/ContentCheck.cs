using OvirtSpm.Node.Activation.Nbd.Client;

namespace OvirtSpm.Node.Demo.Verification;

/// <summary>Reads a guest's disk back through a fresh QEMU block layer over the node's socket, every byte that was written.</summary>
static class ContentCheck
{
    const string Tool = "qemu-nbd", Export = "back";
    const int RequestBytes = 1 << 20, Depth = 6;

    /// <summary>Behind the last byte written the guest must read zeros; so much of it is looked at.</summary>
    const long ZerosBytes = 16 << 20;

    /// <param name="name">Short: part of a socket's name.</param>
    /// <param name="blockDevice">What activating the volume read-only printed.</param>
    public static async Task<VerifiedFact> RunAsync(
        ChildProcesses children, RunDirectory run, string name, string blockDevice, PatternData pattern, long writtenBytes, CancellationToken stop)
    {
        var socket = run.At(name + ".back");
        var options = BlockDeviceOptions.Parse(blockDevice).Below("qcow2");
        var server = await children.StartAsync(
            name + "-back", "qemu-nbd", "--read-only", "--persistent", "--socket", socket, "--export-name", Export, "--image-opts", $"{options}");
        try
        {
            await using var disk = await ConnectAsync(server, socket, stop);
            var wrong = disk is null
                ? server.ExitCode == ToolOutcome.Missing ? "not verified: qemu-nbd is missing, install qemu-utils" : LogTail.Of(run.Log(name + "-back"))
                : await CompareAsync(disk, pattern, writtenBytes, stop);
            return wrong is null
                ? new(Tool, $"{name}: {writtenBytes >> 20} MiB read back equal what was written", true)
                : new(Tool, $"{name}: {wrong}", false);
        }
        finally
        {
            await server.EndAsync(TimeSpan.FromSeconds(10));
        }
    }

    /// <returns>What is wrong; null: nothing.</returns>
    static async Task<string?> CompareAsync(NbdClient disk, PatternData pattern, long writtenBytes, CancellationToken stop)
    {
        var (next, end) = (0L, Math.Min(disk.SizeBytes, writtenBytes + ZerosBytes));
        string? firstWrong = null;
        await Task.WhenAll(Enumerable.Range(0, Depth).Select(async _ =>
        {
            var buffer = new byte[RequestBytes];
            while (firstWrong is null && Interlocked.Add(ref next, RequestBytes) - RequestBytes is var offset && offset < end)
            {
                var length = (int)Math.Min(RequestBytes, end - offset);
                var error = await disk.ReadAsync(offset, buffer.AsMemory(0, length), stop);
                var trouble = error != 0 ? $"reading {length} bytes at {offset} failed with error {error}" : Judge(pattern, offset, buffer.AsSpan(0, length), writtenBytes);
                if (trouble is not null)
                {
                    Interlocked.CompareExchange(ref firstWrong, trouble, null);
                }
            }
        }));
        return firstWrong;
    }

    static string? Judge(PatternData pattern, long offset, ReadOnlySpan<byte> found, long writtenBytes)
    {
        var written = (int)Math.Clamp(writtenBytes - offset, 0, found.Length);
        if (pattern.FirstWrong(offset, found[..written]) is var at && at >= 0)
        {
            return $"offset {offset + at} does not hold what was written there but {pattern.Describe(found[at..])}";
        }
        var zeros = found[written..].IndexOfAnyExcept((byte)0);
        return zeros < 0 ? null : $"offset {offset + written + zeros} was never written and is not zero";
    }

    static async Task<NbdClient?> ConnectAsync(ChildProcess server, string socket, CancellationToken stop)
    {
        for (var attempt = 0; !server.HasExited; attempt++)
        {
            try
            {
                return await NbdClient.ConnectAsync(socket, Export, stop);
            }
            catch (IOException) when (attempt < 1000)
            {
                // Its socket appears when the image is open.
                await Task.Delay(10, stop);
            }
        }
        return null;
    }
}
