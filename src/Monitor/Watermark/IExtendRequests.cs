namespace OvirtSpm.Monitor.Watermark;

/// <summary>Port to whoever makes volumes larger (the SPM, and this host's activation).</summary>
public interface IExtendRequests
{
    /// <summary>Asks for a volume of at least <paramref name="absoluteBytes"/>. Absolute, so that asking twice grows once.</summary>
    /// <returns><see cref="ExtendAnswer.Extended"/> only when a write to the new space would succeed on this host now.
    /// The implementation keeps R12 (epoch, seqno, live table a prefix of the new one).</returns>
    ValueTask<ExtendAnswer> AskAsync(VolumeKey volume, long absoluteBytes, CancellationToken stop);

    /// <returns>Null when the volume is not active on this host.</returns>
    ValueTask<VolumeSizes?> SizesAsync(VolumeKey volume, CancellationToken stop);
}

public abstract record ExtendAnswer
{
    private ExtendAnswer() { }

    /// <param name="AllocatedBytes">Usable on this host now.</param>
    public sealed record Extended(long AllocatedBytes) : ExtendAnswer;

    /// <param name="Reason">For people: what failed, why, what to do. The watch asks again with back-off.</param>
    public sealed record Refused(string Reason) : ExtendAnswer;
}
