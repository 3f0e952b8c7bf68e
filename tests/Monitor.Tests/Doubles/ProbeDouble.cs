using OvirtSpm.Monitor.Guests;
using OvirtSpm.Monitor.Watermark;

namespace OvirtSpm.Monitor.Tests.Doubles;

/// <summary>Storage in the test's hand.</summary>
internal sealed class ProbeDouble : IStorageProbe
{
    /// <summary>Null: it does not answer.</summary>
    public StorageVerdict? Verdict { get; set; } = new StorageVerdict.Broken("the path is gone");

    public List<VolumeKey> Asked { get; } = [];

    public Action OnAsk { get; set; } = () => { };

    public ValueTask<StorageVerdict> ProbeAsync(VolumeKey volume, CancellationToken stop)
    {
        Asked.Add(volume);
        OnAsk();
        return Verdict is { } verdict ? new(verdict) : new(new TaskCompletionSource<StorageVerdict>().Task);
    }
}
