using OvirtSpm.Monitor.Guests;

namespace OvirtSpm.Monitor.Tests.Guests;

public class ResumeRuleTests
{
    private static readonly DeviceStatus Ours = new("vda", "ours", "nospace"), Other = new("vdb", "other", "nospace");

    [Fact]
    public void Goes_on_when_every_full_disk_has_space() =>
        Assert.IsType<ResumeVerdict.Continue>(ResumeRule.Judge("io-error", [Ours, Other, new("cd", "", "ok")], _ => true));

    /// QEMU sends BLOCK_IO_ERROR before it stops the processors: a fast extend is back while the status is still "running".
    [Fact]
    public void Goes_on_when_the_stop_is_only_on_its_way() =>
        Assert.IsType<ResumeVerdict.Continue>(ResumeRule.Judge("running", [Ours], _ => true));

    [Fact]
    public void Has_nothing_to_do_for_a_guest_that_runs() =>
        Assert.IsType<ResumeVerdict.Runs>(ResumeRule.Judge("running", [Ours with { IoStatus = "ok" }], _ => true));

    [Fact]
    public void Waits_for_the_other_disk() =>
        Assert.Contains("vdb still waits", Left("io-error", [Ours, Other], node => node == "ours"));

    [Fact]
    public void Leaves_a_disk_that_is_not_ours_to_others() =>
        Assert.Contains("not served by this pool", Left("io-error", [Ours, Other], node => node == "ours" ? true : null));

    [Fact]
    public void Never_continues_over_an_IO_error() =>
        Assert.Contains("I/O error", Left("io-error", [Ours, new("vdc", "sick", "failed")], _ => true));

    [Theory]
    [InlineData("paused")]
    [InlineData("prelaunch")]
    [InlineData("inmigrate")]
    [InlineData("finish-migrate")]
    [InlineData("postmigrate")]
    [InlineData("save-vm")]
    [InlineData("internal-error")]
    [InlineData("shutdown")]
    [InlineData("a word of tomorrow")]
    public void Never_continues_what_somebody_else_stopped(string status) =>
        Assert.Contains(status, Left(status, [Ours], _ => true));

    private static string Left(string status, DeviceStatus[] devices, Func<string, bool?> hasSpace) =>
        Assert.IsType<ResumeVerdict.Leave>(ResumeRule.Judge(status, devices, hasSpace)).Reason;
}
