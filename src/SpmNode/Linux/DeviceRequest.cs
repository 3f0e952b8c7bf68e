namespace OvirtSpm.Node.Linux;

internal enum DeviceVerb
{
    Read,
    Write,
    WriteDurable,
    Flush,
    Zero,
    ZeroPunch,
    Discard,
}

/// <summary>One I/O on its way to the kernel. Owns a reference to its memory until the kernel has returned it.</summary>
/// <param name="inline">Whoever waits goes on, on the lane's thread, as <see cref="DirectBlockDevice.OpenLane"/> says.</param>
internal sealed class DeviceRequest(DeviceVerb verb, long offsetBytes, long lengthBytes, AlignedBuffer? buffer, int bufferOffset, bool inline)
{
    // Otherwise on the pool: a caller that computes would hold up the lane.
    readonly TaskCompletionSource done = new(inline ? TaskCreationOptions.None : TaskCreationOptions.RunContinuationsAsynchronously);

    public DeviceVerb Verb { get; } = verb;

    public long OffsetBytes { get; } = offsetBytes;

    public long LengthBytes { get; } = lengthBytes;

    public AlignedBuffer? Buffer { get; } = buffer;

    /// <summary>Where in the buffer the bytes are.</summary>
    public int BufferOffset { get; } = bufferOffset;

    public bool Changes => Verb is not (DeviceVerb.Read or DeviceVerb.Flush);

    public Task Done => done.Task;

    public void Complete(Exception? failure)
    {
        if (failure is null)
        {
            done.SetResult();
        }
        else
        {
            done.SetException(failure);
        }
    }
}
