namespace OvirtSpm.Node.Activation.Mapped.Tail;

/// <summary>A mapped volume whose guests' writes wait behind its end until it has grown.</summary>
/// <remarks>
/// The kernel does all of a guest's I/O; this looks at what waits, asks for space, and lets it go on. When this process is killed, what waits
/// waits for the next life of the node, or until the guard ends it; when it ends in order, nothing is held meanwhile and a guest meets the end of its device.
/// </remarks>
internal sealed class TailedVolume : IMappedVolume
{
    /// <summary>For the guest's requests that are under way: storage that does not answer must not keep a node from ending.</summary>
    private static readonly TimeSpan LeaveLimit = TimeSpan.FromSeconds(10);

    /// <summary>Between looks for a hold that somebody else let go.</summary>
    private static readonly TimeSpan HoldAgainAfter = TimeSpan.FromSeconds(1);

    private readonly IDeviceMapper _mapper;
    private readonly MappedVolume _volume;
    private readonly TailStack _stack;
    private readonly TailOptions _options;
    private readonly TimeProvider _clock;
    private readonly SemaphoreSlim _changing = new(1);
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _running;
    private long? _reshapingSince, _waitingSince;
    private bool _isAsking, _poolFull;
    private long _heldAgain;
    private InFlight _waiting;
    private volatile bool _closed;
    private string _said = "";

    public TailedVolume(IDeviceMapper mapper, MappedVolume volume, TailStack stack, string path, TailOptions options, TimeProvider clock)
    {
        (_mapper, _volume, _stack, SocketPath, _options, _clock) = (mapper, volume, stack, path, options, clock);
        _running = RunAsync();
    }

    /// <summary>Of the guest's map.</summary>
    public string SocketPath { get; }

    public SegmentTable Table => _volume.Table;

    public long AllocatedBytes => _stack.EndBytes;

    public long ReserveBytes => _stack.ReserveBytes;

    public long SizeBytes => _volume.SizeBytes;

    public bool IsClosed => _closed;

    public int HeldWrites => (int)_waiting.Writes;

    public bool OutlivesNode => true;

    public async Task<GrowOutcome> GrowAsync(SegmentTable next)
    {
        // The volume's own map first: everything above leads only to what that has (R12).
        var outcome = await _volume.GrowAsync(next);
        if (outcome is not GrowOutcome.Grown grown)
        {
            return outcome;
        }
        await LockedAsync(() =>
        {
            if (_closed)
            {
                return;
            }
            _stack.Grown(grown.AllocatedBytes);
            if (_stack is { EndsGuest: true, IsShaped: false } && _reshapingSince is null)
            {
                // A guest that met the end is continued as soon as this returns, and would meet the same end again.
                _stack.Reshape();
            }
        });
        return new GrowOutcome.Grown(_stack.EndBytes);
    }

    public async Task<DeactivateOutcome> DeactivateAsync(TimeSpan limit)
    {
        var removed = false;
        await LockedAsync(() =>
        {
            removed = _closed || TailStack.TryRemove(_mapper, _volume.Identity);
            _closed = removed;
        });
        if (!removed)
        {
            return new DeactivateOutcome.Open();
        }
        await EndAsync();
        return await _volume.DeactivateAsync(limit);
    }

    public async Task<DeactivateOutcome> CutOffAsync(TimeSpan limit)
    {
        _closed = true;
        var cut = Task.Run(async () =>
        {
            await EndAsync();
            await LockedAsync(() => TailStack.CutOff(_mapper, _volume.Identity.Uuid));
        });
        var own = await _volume.CutOffAsync(limit);
        try
        {
            await cut.WaitAsync(limit, _clock);
            return own;
        }
        catch (Exception late) when (late is TimeoutException or IOException)
        {
            return new DeactivateOutcome.StillWriting(1, Task.WhenAll(cut, (own as DeactivateOutcome.StillWriting)?.AllReturned ?? Task.CompletedTask));
        }
    }

    /// <summary>The node ends, and nobody would end what waits: R31.</summary>
    public async ValueTask DisposeAsync()
    {
        await EndAsync();
        if (_closed)
        {
            return;
        }
        try
        {
            await LockedAsync(() =>
            {
                _stack.Drop();
                if (!_stack.IsShaped)
                {
                    _stack.Reshape();
                }
            }).WaitAsync(LeaveLimit, _clock);
        }
        catch (Exception failed) when (failed is IOException or TimeoutException)
        {
            _options.Log($"volume {_volume.Identity.Volume}: what is behind its end is left as it is: {failed.Message}");
        }
    }

    private async Task EndAsync()
    {
        _stop.Cancel();
        await _running;
    }

    private async Task RunAsync()
    {
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                await LockedAsync(Step);
            }
            catch (Exception failed)
            {
                // Whatever it was: nobody else would end what waits.
                Say(failed);
            }
            try
            {
                await Task.Delay(_options.Look, _clock, _stop.Token);
            }
            catch (OperationCanceledException)
            {
            }
        }
    }

    private void Step()
    {
        if (_closed)
        {
            return;
        }
        var now = _clock.GetTimestamp();
        if (_clock.GetElapsedTime(_heldAgain, now) >= HoldAgainAfter)
        {
            _heldAgain = now;
            if (_stack.HoldAgain())
            {
                _options.Log($"volume {_volume.Identity.Volume}: what waited behind its end was let go by somebody else; it is held again");
            }
        }
        _waiting = _stack.Waiting;
        if (_waiting.IsNone)
        {
            Ended("grown");
        }
        else if (_waitingSince is null)
        {
            (_waitingSince, _poolFull) = (now, false);
        }
        var look = new TailLook(
            _waiting, _waitingSince is { } since ? _clock.GetElapsedTime(since, now) : TimeSpan.Zero, _stack.IsShaped, _stack.IsDropped,
            _reshapingSince is { } begun ? _clock.GetElapsedTime(begun, now) : null, _isAsking, _poolFull);
        switch (look.Next(_options.HoldLimit))
        {
            case TailStep.Ask:
                _isAsking = true;
                _ = AskAsync();
                break;
            case TailStep.Reshape:
                Reshape();
                break;
            case TailStep.Drop:
                _options.Log($"volume {_volume.Identity.Volume}: {(_poolFull ? "the pool is full" : $"no space came within {look.WaitedFor.TotalSeconds:0.#} s")}; its guest meets the end of its disk");
                _stack.Drop();
                Ended(_poolFull ? "full" : "limit");
                break;
            case TailStep.FailReads:
                _options.Log($"volume {_volume.Identity.Volume}: somebody reads where nothing was written; the read fails");
                _stack.Fail();
                break;
        }
    }

    /// <summary>Not waited for while anything else is kept from happening: a write that came behind the end meanwhile must find somebody who lets it go.</summary>
    private void Reshape()
    {
        var to = _stack.BeginReshape();
        _reshapingSince = _clock.GetTimestamp();
        _ = Task.Run(async () =>
        {
            try
            {
                _stack.Resume();
                await LockedAsync(() =>
                {
                    _reshapingSince = null;
                    _stack.Reshaped(to);
                });
            }
            catch (IOException failed)
            {
                // It is tried again: the maps are as they were.
                Say(failed);
                await LockedAsync(() => _reshapingSince = null);
            }
        });
    }

    private void Ended(string how)
    {
        if (_waitingSince is { } since)
        {
            _options.Metrics?.Held(_clock.GetElapsedTime(since), how);
        }
        _waitingSince = null;
    }

    private void Say(Exception failed)
    {
        if (_said != failed.Message)
        {
            _options.Log($"volume {_volume.Identity.Volume}, behind its end: {_said = failed.Message}");
        }
    }

    private async Task AskAsync()
    {
        var answer = GrowthAnswer.Later;
        try
        {
            var wanted = Math.Min(SizeBytes, _stack.EndBytes + Math.Max(TailTable.SectorBytes, _stack.ReserveBytes));
            answer = await _options.Growth.AskAsync(wanted, _stop.Token).WaitAsync(_options.HoldLimit, _clock, _stop.Token);
            if (answer == GrowthAnswer.Later)
            {
                await Task.Delay(_options.AskAgainAfter, _clock, _stop.Token);
            }
        }
        catch (Exception)
        {
            // Whatever it was, what waits still waits and the limit still ends it; whoever answers logs its own failures.
        }
        (_poolFull, _isAsking) = (answer == GrowthAnswer.PoolFull, false);
    }

    private async Task LockedAsync(Action change)
    {
        await _changing.WaitAsync();
        try
        {
            // The kernel may keep a caller waiting.
            await Task.Run(change);
        }
        finally
        {
            _changing.Release();
        }
    }
}
