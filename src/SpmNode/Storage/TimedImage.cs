namespace OvirtSpm.Node.Storage;

/// <summary>An image of which nothing is read after a while: whoever walks through it ends, too, when nobody waits for him any more.</summary>
sealed class TimedImage(IImageFile image, TimeSpan limit, TimeProvider clock) : IImageFile
{
    readonly long began = clock.GetTimestamp();

    public long SizeBytes => image.SizeBytes;

    public ValueTask ReadAsync(long offsetBytes, Memory<byte> buffer) =>
        clock.GetElapsedTime(began) < limit ? image.ReadAsync(offsetBytes, buffer) : throw new TimeoutException($"it was not read within {limit.TotalSeconds:0.#} s");

    public void Dispose() => image.Dispose();
}
