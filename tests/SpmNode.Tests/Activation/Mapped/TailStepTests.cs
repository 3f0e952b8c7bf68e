using OvirtSpm.Node.Activation.Mapped;
using OvirtSpm.Node.Activation.Mapped.Tail;

namespace OvirtSpm.Node.Tests.Activation.Mapped;

public class TailStepTests
{
    static readonly TimeSpan limit = TimeSpan.FromSeconds(20);
    static readonly TailLook quiet = new(default, TimeSpan.Zero, IsShaped: true, IsDropped: false, Reshaping: null, IsAsking: false, PoolFull: false);
    static readonly TailLook held = quiet with { Waiting = new InFlight(0, 3) };

    /// Everything that a look can show.
    static IEnumerable<TailLook> Looks() =>
        from reads in new[] { 0, 1 } from writes in new[] { 0, 2 } from waited in new[] { 0, 19, 20, 60 } from isShaped in new[] { false, true } from isDropped in new[] { false, true }
        from reshaping in new double?[] { null, 0.1, 1 } from isAsking in new[] { false, true } from poolFull in new[] { false, true }
        select new TailLook(new InFlight(reads, writes), TimeSpan.FromSeconds(waited), isShaped, isDropped, reshaping is { } s ? TimeSpan.FromSeconds(s) : null, isAsking, poolFull);

    /// R16
    [Fact]
    public void The_guests_map_is_not_reloaded_while_anything_is_held_behind_it_or_while_it_is_being_reloaded() =>
        Assert.All(Looks().Where(look => look.Next(limit) == TailStep.Reshape), look => Assert.True(look.Reshaping is null && (look.IsDropped || look.Waiting.IsNone)));

    /// R31, C7
    [Fact]
    public void Nothing_that_is_held_waits_beyond_the_limit_or_keeps_the_guests_map_waiting() =>
        Assert.All(
            Looks().Where(look => !look.IsDropped && !look.Waiting.IsNone && (look.WaitedFor >= limit || look.Reshaping > TimeSpan.FromSeconds(0.5))),
            look => Assert.Equal(look.Waiting.Writes > 0 ? TailStep.Drop : TailStep.FailReads, look.Next(limit)));

    [Fact]
    public void Space_is_asked_for_once_and_only_for_writes() =>
        Assert.All(Looks().Where(look => look.Next(limit) == TailStep.Ask), look => Assert.True(look is { Waiting.Writes: > 0, IsAsking: false, IsDropped: false, PoolFull: false }));

    [Fact]
    public void A_look_leads_to_what_is_next()
    {
        Assert.Equal(TailStep.Nothing, quiet.Next(limit));
        Assert.Equal(TailStep.Ask, held.Next(limit));
        Assert.Equal(TailStep.Ask, (held with { IsShaped = false }).Next(limit));
        Assert.Equal(TailStep.Nothing, (held with { IsAsking = true }).Next(limit));
        Assert.Equal(TailStep.Drop, (held with { PoolFull = true }).Next(limit));
        Assert.Equal(TailStep.Reshape, (quiet with { IsShaped = false }).Next(limit));
        Assert.Equal(TailStep.Reshape, (held with { IsDropped = true, IsShaped = false }).Next(limit));
        Assert.Equal(TailStep.Nothing, (quiet with { IsDropped = true }).Next(limit));
        Assert.Equal(TailStep.Nothing, (held with { Waiting = new InFlight(1, 0) }).Next(limit));
    }
}
