namespace OvirtSpm.Leases.Tests;

/// <summary>Every interleaving of small worlds: no luck, no seeds.</summary>
public class BallotExhaustiveTests(ITestOutputHelper output)
{
    [Fact]
    public void Two_hosts_with_two_retries_agree() => Holds(2, 3, new());

    [Fact]
    public void Three_hosts_with_one_retry_agree() => Holds(3, 2, new(), together: true);

    [Fact]
    public void Two_hosts_agree_when_a_vote_is_unreadable() => Holds(2, 3, new(UnreadableVotes: 1));

    [Fact]
    public void Two_hosts_agree_when_writes_fail_whether_or_not_they_landed() => Holds(2, 3, new(FailedWrites: 2));

    [Fact]
    public void Two_hosts_agree_when_one_forgets_everything_and_comes_back() => Holds(2, 2, new(Restarts: 1));

    [Fact]
    public void Three_hosts_agree_when_one_forgets_everything_and_comes_back() => Holds(3, 1, new(Restarts: 1), together: true);

    /// Read as "never voted", a damaged vote hides an owner that is decided already.
    [Fact]
    public void An_unreadable_vote_treated_as_empty_makes_two_owners() =>
        Assert.NotNull(Explore(2, 2, new(UnreadableVotes: 1, TreatUnreadableAsEmpty: true)));

    private void Holds(int hosts, int ballots, BallotWorld.Rules rules, bool together = false) => Assert.Null(Explore(hosts, ballots, rules, together));

    private string? Explore(int hosts, int ballots, BallotWorld.Rules rules, bool together = false)
    {
        var start = BallotWorld.Start(hosts, ballots, rules, together);
        HashSet<BallotWorld> seen = [start];
        Stack<BallotWorld> open = new([start]);
        var transitions = 0;
        while (open.TryPop(out var world))
        {
            if (world.Broken is { } broken)
            {
                return broken;
            }

            foreach (var next in world.Next())
            {
                transitions++;
                if (seen.Add(next))
                {
                    open.Push(next);
                }
            }
        }

        output.WriteLine($"{hosts} hosts, {ballots} ballots, {rules}: {seen.Count} states, {transitions} transitions");
        return null;
    }
}
