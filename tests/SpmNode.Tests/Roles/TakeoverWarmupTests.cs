using OvirtSpm.Leases;

namespace OvirtSpm.Node.Tests.Roles;

public sealed class TakeoverWarmupTests
{
    /// A warm-up that stops half way warms half, and nobody would notice.
    [Fact]
    public async Task The_warm_up_walks_the_whole_way_from_the_ballot_to_a_commit() =>
        Assert.True(await TakeoverWarmup.RunAsync(TimeProvider.System, new FirstChoice()));

    sealed class FirstChoice : IChoice
    {
        public int Pick(int count, string what) => 0;
    }
}
