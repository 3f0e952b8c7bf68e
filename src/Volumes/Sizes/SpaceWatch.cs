namespace OvirtSpm.Volumes.Sizes;

/// <summary>Follows a pool's space: how fast it is taken, and when that is to be said. Pure: state and measurement to state.</summary>
/// <remarks>
/// The rate is averaged over about five minutes, so that one extend is no trend: a chunk of 2.5 GiB in one second counts as 8.5 MiB/s.
/// A level is left only when space is clearly better than what it was entered at, so that it is said once per crossing and not at each extend.
/// </remarks>
/// <param name="BytesPerSecond">What is allocated, less what is freed; never negative.</param>
/// <param name="At">When the last measurement was made.</param>
public sealed record SpaceWatch(SpaceLevel Level, double BytesPerSecond, long AllocatedBytes, TimeSpan At, bool IsMeasured)
{
    public static readonly TimeSpan Window = TimeSpan.FromMinutes(5);

    /// <summary>Less time than this to the end is worth a warning: a person can still do something.</summary>
    public static readonly TimeSpan SoonLimit = TimeSpan.FromHours(1);

    public static readonly SpaceWatch Start = new(SpaceLevel.Ample, 0, 0, TimeSpan.Zero, IsMeasured: false);

    private const int SlackPercent = 2;

    /// <summary>Null while nothing is allocated.</summary>
    public TimeSpan? TimeToFull(PoolSpace space) =>
        BytesPerSecond > 0 && space.FreeBytes / BytesPerSecond is var seconds && seconds < TimeSpan.FromDays(3650).TotalSeconds ? TimeSpan.FromSeconds(seconds) : null;

    /// <param name="now">Of any clock that does not go back.</param>
    public SpaceWatch Step(PoolSpace space, TimeSpan now)
    {
        var rate = BytesPerSecond;
        if (IsMeasured && now > At)
        {
            var elapsed = (now - At).TotalSeconds;
            var weight = 1 - Math.Exp(-elapsed / Window.TotalSeconds);
            rate = Math.Max(0, rate + ((((space.AllocatedBytes - AllocatedBytes) / elapsed) - rate) * weight));
        }

        var next = this with { BytesPerSecond = rate, AllocatedBytes = space.AllocatedBytes, At = IsMeasured && now < At ? At : now, IsMeasured = true };
        var entered = next.LevelOf(space, 0, SoonLimit);
        // Going down takes more than going up.
        var stays = next.LevelOf(space, SlackPercent, SoonLimit * 2);
        return next with { Level = entered >= Level ? entered : stays < Level ? stays : Level };
    }

    private SpaceLevel LevelOf(PoolSpace space, int slackPercent, TimeSpan soon)
    {
        if (space.SizeBytes <= 0)
        {
            return SpaceLevel.Ample;
        }

        var slack = (long)((Int128)space.SizeBytes * slackPercent / 100);
        return space.FreeBytes < space.ExtentBytes ? SpaceLevel.Full
            : space.ReserveBytes > 0 && space.FreeBytes <= space.ReserveBytes + slack ? SpaceLevel.Reserve
            : TimeToFull(space) < soon ? SpaceLevel.Soon
            : (Int128)(space.AllocatedBytes + slack) * 100 >= (Int128)space.SizeBytes * space.Rules.WarnPercent ? SpaceLevel.Low
            : SpaceLevel.Ample;
    }
}
