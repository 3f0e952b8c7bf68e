using OvirtSpm.Monitor.Watermark;

namespace OvirtSpm.Monitor.Guests;

/// <summary>Whether a guest that an I/O error stopped may send its requests to a volume again.</summary>
public abstract record StorageVerdict
{
    private StorageVerdict() { }

    /// <summary>The volume is this host's to write, and its device answers.</summary>
    public sealed record Whole : StorageVerdict;

    /// <param name="Reason">For people. Asked again later.</param>
    public sealed record Broken(string Reason) : StorageVerdict;
}

/// <summary>Port: the storage behind a volume of this host.</summary>
public interface IStorageProbe
{
    /// <summary>May take as long as the storage does not answer; whoever asks stops waiting.</summary>
    ValueTask<StorageVerdict> ProbeAsync(VolumeKey volume, CancellationToken stop);
}
