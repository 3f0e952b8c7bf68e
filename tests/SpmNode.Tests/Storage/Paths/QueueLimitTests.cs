using OvirtSpm.Leases;
using OvirtSpm.Node.Storage.Paths;

namespace OvirtSpm.Node.Tests.Storage.Paths;

public class QueueLimitTests
{
    const string Configuration = "defaults {\n\tverbosity 2\n\tpolling_interval 5\n\tmax_polling_interval 20\n\tno_path_retry 16\n}\n";

    static readonly LeaseTiming Timing = new(TimeSpan.FromSeconds(10), TimeSpan.FromSeconds(60));

    [Theory]
    [InlineData("16 chk", "For { Time = 00:01:20 }")]
    [InlineData("on", "Forever { }")]
    [InlineData("off", "None { }")]
    [InlineData("-", "None { }")]
    [InlineData("12 sec", "Unknown { Why = multipathd says '12 sec' }")]
    public void What_multipathd_says_is_understood(string queueing, string limit) => Assert.Equal(limit, $"{QueueLimit.Of("lun", Maps(queueing), Configuration)}");

    [Fact]
    public void What_it_does_not_say_is_not_guessed()
    {
        Assert.IsType<QueueLimit.Unknown>(QueueLimit.Of("other", Maps("16 chk"), Configuration));
        Assert.IsType<QueueLimit.Unknown>(QueueLimit.Of("lun", "timeout\n", Configuration));
        Assert.IsType<QueueLimit.Unknown>(QueueLimit.Of("lun", "[]", Configuration));
        Assert.IsType<QueueLimit.Unknown>(QueueLimit.Of("lun", Maps("16 chk"), "defaults {\n\tmax_polling_interval 20\n}\n"));
    }

    /// Eight io timeouts are 80 s.
    [Theory]
    [InlineData(80, null)]
    [InlineData(40, null)]
    [InlineData(81, "longer than the lease lasts (80 s)")]
    [InlineData(39, "for only 39 s")]
    public void The_time_must_fit_the_lease(int seconds, string? said)
    {
        var advice = QueueAdvice.For("lun", new QueueLimit.For(TimeSpan.FromSeconds(seconds)), Timing);
        Assert.Equal(said is null, advice is null);
        Assert.Contains(said ?? "", advice ?? "");
    }

    [Fact]
    public void For_ever_and_not_at_all_are_told_with_the_cure()
    {
        Assert.Contains("for ever", QueueAdvice.For("lun", new QueueLimit.Forever(), Timing));
        Assert.Contains("overrides { no_path_retry 16 }", QueueAdvice.For("lun", new QueueLimit.None(), Timing));
        Assert.Null(QueueAdvice.For("lun", new QueueLimit.Unknown("multipathd does not answer"), Timing));
    }

    static string Maps(string queueing) => $$"""{"major_version":0,"maps":[{"name":"x","queueing":"on"},{"name":"lun","queueing":"{{queueing}}","paths":2}]}""";
}
