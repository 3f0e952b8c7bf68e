using System.Buffers;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace OvirtSpm.Node.Activation.Nbd;

/// <summary>Bounds and helpers of a server.</summary>
public sealed record NbdServerOptions
{
    /// <summary>Clients of one socket at a time; one more is turned away.</summary>
    public int ConnectionsMax { get; init; } = 16;

    /// <summary>Requests of one client under way. QEMU sends at most 16.</summary>
    public int RequestsMax { get; init; } = 64;

    /// <summary>Bytes of one client's reads and writes under way; beyond it its next request waits.</summary>
    public long BytesMax { get; init; } = 128L << 20;

    /// <summary>Runs of block status in one answer.</summary>
    public int ExtentsMax { get; init; } = 1024;

    /// <summary>From the connection to the first request.</summary>
    public TimeSpan HandshakeLimit { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Where payloads are kept. A pool of aligned memory saves the copy before direct I/O.</summary>
    public MemoryPool<byte> Memory { get; init; } = MemoryPool<byte>.Shared;

    public TimeProvider Clock { get; init; } = TimeProvider.System;

    public ILogger Logger { get; init; } = NullLogger.Instance;

    internal void Failed(INbdExport export, Exception problem) =>
        Logger.LogError(problem, "A request on export {Export} failed unexpectedly: {Message}", export.Name, problem.Message);
}
