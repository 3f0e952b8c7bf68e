using System.Diagnostics;
using OvirtSpm.LvmMetadata;

namespace OvirtSpm.Node.Bench;

/// <summary>What the storage alone takes for a commit's writes: two texts, a flush, and each header with one.</summary>
/// <remarks>The same sizes, order and device as a commit, and no thought: what is above it is ours.</remarks>
static class StorageFloor
{
    const long RingBytes = 64L << 20, SecondCopyAt = 160L << 20;
    const int Rounds = 300;

    /// <param name="scratch">At least 300 MiB; what is on it is overwritten.</param>
    /// <returns>Milliseconds of each round.</returns>
    public static async Task<List<double>> MeasureAsync(IPvArea scratch, long textBytes)
    {
        var text = new byte[(textBytes + 4095) / 4096 * 4096];
        Random.Shared.NextBytes(text);
        var header = text.AsMemory(0, Math.Max(512, scratch.SectorSize));
        var milliseconds = new List<double>(Rounds);
        for (var round = 0; round < Rounds; round++)
        {
            var place = (1L << 20) + (round * (long)text.Length % (RingBytes / text.Length * text.Length));
            var started = Stopwatch.GetTimestamp();
            await scratch.WriteAsync(place, text);
            await scratch.WriteAsync(SecondCopyAt + place, text);
            await scratch.FlushAsync();
            await scratch.WriteAsync(0, header);
            await scratch.FlushAsync();
            await scratch.WriteAsync(SecondCopyAt, header);
            await scratch.FlushAsync();
            milliseconds.Add(Stopwatch.GetElapsedTime(started).TotalMilliseconds);
        }
        return milliseconds;
    }
}
