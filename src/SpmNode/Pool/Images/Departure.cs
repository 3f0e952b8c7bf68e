namespace OvirtSpm.Node.Pool.Images;

/// <summary>A chain on its way to another domain: kept as it is, and read piece by piece, until that domain's SPM has it whole, or goes silent.</summary>
sealed class Departure(TimeSpan idleLimit, TimeProvider clock)
{
    readonly DiskSession<ILeavingChain> session = new("a departure", idleLimit, clock);

    /// <summary>Completes when it is held, and can be read.</summary>
    public Task Opened => session.Opened;

    /// <summary>From <see cref="Opened"/> on.</summary>
    public ILeavingChain? Chain { get; private set; }

    public long SizeBytes => Chain?.Volumes.Sum(volume => volume.AllocatedBytes) ?? 0;

    /// <summary>Returns when the other domain has it: from there on it goes.</summary>
    public Task RunAsync(ILeavingChain leaving, Func<bool> holds, CancellationToken stop)
    {
        Chain = leaving;
        return session.RunAsync(leaving, holds, stop);
    }

    /// <summary>It is whole elsewhere. Asked again, as whoever got no answer does, it changes nothing.</summary>
    public void Finish() => session.Finish();

    /// <summary>Somebody still wants it: what arrived is read back there for as long as that takes, and nothing is read here meanwhile.</summary>
    public void Hear() => session.Hear();

    /// <exception cref="Refusal">It is not part of the chain.</exception>
    public MovedVolume Volume(Guid volume) => Chain?.Volumes.FirstOrDefault(one => one.Uuid == volume)
        ?? throw Refusal.NotFound($"volume {volume} is no part of this departure.");

    public Task ReadAsync(Guid volume, long offsetBytes, Memory<byte> into) => session.UseAsync(leaving => leaving.ReadAsync(volume, offsetBytes, into));
}
