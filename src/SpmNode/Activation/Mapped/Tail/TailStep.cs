namespace OvirtSpm.Node.Activation.Mapped.Tail;

/// <summary>What is to be done next about the end of a volume.</summary>
internal enum TailStep
{
    Nothing,

    /// <summary>Ask the SPM for space.</summary>
    Ask,

    /// <summary>Let the guest's map lead to the volume as far as it reaches, and remove what is not between them any more.</summary>
    Reshape,

    /// <summary>Let what waits go into the reserve, and hold nothing from then on: the guest meets the end of its device, and pauses.</summary>
    Drop,

    /// <summary>Fail what waits, and hold again.</summary>
    FailReads,
}

/// <summary>What a look at it shows.</summary>
/// <param name="Waiting">Behind the end, in the last gate.</param>
/// <param name="WaitedFor">Since when something has waited there without a break.</param>
/// <param name="IsShaped">The guest's map leads straight to the volume as far as it reaches, and to what is behind it now.</param>
/// <param name="IsDropped">Nothing is held: what is behind the end fails.</param>
/// <param name="Reshaping">For how long the guest's map has waited for its new table; null when it does not.</param>
/// <param name="PoolFull">The SPM said so since something waits.</param>
internal sealed record TailLook(InFlight Waiting, TimeSpan WaitedFor, bool IsShaped, bool IsDropped, TimeSpan? Reshaping, bool IsAsking, bool PoolFull)
{
    /// <summary>A write came behind the end in the instant between a look and the change of the guest's map, which waits for it, and everything the
    /// guest does waits for that map. Longer than an answer of the SPM takes, so that usually it is just a growth.</summary>
    private static readonly TimeSpan ReshapePatience = TimeSpan.FromMilliseconds(500);

    public TailStep Next(TimeSpan holdLimit)
    {
        // R16: its table is swapped only while nothing waits behind it: until that goes on, everything that the guest does would wait, too.
        if (Reshaping is null && !IsShaped && (IsDropped || Waiting.IsNone))
        {
            return TailStep.Reshape;
        }
        if (IsDropped || Waiting.IsNone)
        {
            return TailStep.Nothing;
        }
        // C7, R31: whatever waits ends, and nothing else waits for it.
        var isLate = WaitedFor >= holdLimit || Reshaping >= ReshapePatience;
        if (Waiting.Writes == 0)
        {
            // Whoever reads where nothing was ever written is not given space for it.
            return isLate ? TailStep.FailReads : TailStep.Nothing;
        }
        // R15
        return isLate || PoolFull ? TailStep.Drop : IsAsking ? TailStep.Nothing : TailStep.Ask;
    }
}
