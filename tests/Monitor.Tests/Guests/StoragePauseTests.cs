using OvirtSpm.Monitor.Guests;

namespace OvirtSpm.Monitor.Tests.Guests;

public class StoragePauseTests
{
    private static StoragePause Of(ResumeBehavior behavior, double killAfter = 80) => new(new PausePolicy(behavior, TimeSpan.FromSeconds(killAfter)));

    private static TimeSpan At(double seconds) => TimeSpan.FromSeconds(seconds);

    private static StoragePause Ran(StoragePause pause, double at) => pause.Saw(At(at), At(at), "running", ours: false, any: false);

    private static StoragePause Stands(StoragePause pause, double at) => pause.Saw(At(at), At(at), "io-error", ours: true, any: true);

    [Fact]
    public void A_guest_that_runs_is_let_be() => Assert.IsType<PauseVerdict.Nothing>(Ran(Of(ResumeBehavior.Kill), 0).Judge(At(1000)));

    [Fact]
    public void It_may_go_on_at_once_and_for_ever() => Assert.All([0, 1e6], at =>
        Assert.IsType<PauseVerdict.Try>(Stands(Of(ResumeBehavior.AutoResume), 0).Judge(At(at))));

    [Fact]
    public void Left_paused_it_never_goes_on_by_itself() => Assert.All([0, 1e6], at =>
        Assert.IsType<PauseVerdict.Hold>(Stands(Of(ResumeBehavior.LeavePaused), 0).Judge(At(at))));

    /// Its sectors are bad and its paths are good: continued at once it would stop at once, some hundred times a second.
    [Fact]
    public void A_guest_that_stops_again_each_time_is_tried_less_and_less_often()
    {
        var pause = Stands(Of(ResumeBehavior.AutoResume), 0);
        List<double> waits = [];
        var now = 0.0;
        for (var i = 0; i < 8; i++)
        {
            pause = Stands(pause.Continued(At(now)), now);
            var sent = now;
            while (pause.Judge(At(now)) is PauseVerdict.Hold)
                now++;
            waits.Add(now - sent);
        }
        Assert.Equal([2, 4, 8, 16, 32, 60, 60, 60], waits);
    }

    [Fact]
    public void One_that_ran_for_a_while_is_tried_at_once_again()
    {
        var pause = Stands(Of(ResumeBehavior.AutoResume), 0).Continued(At(0)).Continued(At(10)).Continued(At(20));
        Assert.IsType<PauseVerdict.Hold>(Stands(Ran(pause, 21), 22).Judge(At(22)));
        Assert.IsType<PauseVerdict.Try>(Stands(Ran(pause, 80), 81).Judge(At(81)));
    }

    /// It stopped some time between 0 and 30.
    [Theory]
    [InlineData(79.9, typeof(PauseVerdict.Try))]
    [InlineData(80, typeof(PauseVerdict.Hold))]
    [InlineData(109.9, typeof(PauseVerdict.Hold))]
    [InlineData(110, typeof(PauseVerdict.Kill))]
    public void To_be_killed_it_goes_on_only_while_it_surely_stood_for_less_and_is_killed_only_when_it_surely_stood_for_as_long(double at, Type verdict) =>
        Assert.IsType(verdict, Stands(Stands(Ran(Of(ResumeBehavior.Kill), 0), 30), 31).Judge(At(at)));

    [Fact]
    public void To_be_killed_and_found_standing_it_does_not_go_on()
    {
        var pause = Stands(Of(ResumeBehavior.Kill), 1000);
        Assert.Contains("may have stood", Assert.IsType<PauseVerdict.Hold>(pause.Judge(At(1000))).Reason);
        Assert.Equal(At(80), Assert.IsType<PauseVerdict.Kill>(pause.Judge(At(1080))).Stood);
    }

    [Theory]
    [InlineData("paused")]
    [InlineData("shutdown")]
    [InlineData("finish-migrate")]
    public void What_somebody_else_stopped_is_not_killed(string status) => Assert.IsType<PauseVerdict.Nothing>(
        Stands(Of(ResumeBehavior.Kill), 0).Saw(At(1), At(1), status, ours: true, any: true).Judge(At(1000)));

    [Fact]
    public void An_error_of_storage_that_is_not_ours_kills_nobody() => Assert.IsType<PauseVerdict.Nothing>(
        Of(ResumeBehavior.Kill).Saw(At(0), At(0), "io-error", ours: false, any: true).Judge(At(1000)));

    /// This host was confirmed dead: the very case in which the guest runs elsewhere.
    [Fact]
    public void A_volume_that_was_taken_from_this_host_does_not_save_its_guest() => Assert.IsType<PauseVerdict.Kill>(
        Stands(Of(ResumeBehavior.Kill), 0).Saw(At(10), At(10), "io-error", ours: false, any: true).Judge(At(80)));

    [Fact]
    public void What_was_not_seen_to_stand_all_the_time_begins_anew()
    {
        var pause = Stands(Stands(Ran(Of(ResumeBehavior.Kill), 0), 1).Interrupted(), 70);
        Assert.IsType<PauseVerdict.Hold>(pause.Judge(At(149)));
        Assert.IsType<PauseVerdict.Kill>(pause.Judge(At(150)));
    }
}
