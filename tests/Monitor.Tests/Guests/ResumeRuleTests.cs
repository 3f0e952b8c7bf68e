using OvirtSpm.Monitor.Guests;

namespace OvirtSpm.Monitor.Tests.Guests;

public class ResumeRuleTests
{
    private static readonly DeviceStatus Ours = new("vda", "ours", "nospace"), Other = new("vdb", "other", "nospace"), Sick = new("vdc", "sick", "failed");

    private static readonly StorageVerdict Broken = new StorageVerdict.Broken("the path is gone");

    [Fact]
    public void Goes_on_when_every_full_disk_has_space() =>
        Assert.IsType<ResumeVerdict.Continue>(ResumeRule.Judge("io-error", [Ours, Other, new("cd", "", "ok")], _ => true, NotLookedAt));

    /// QEMU sends BLOCK_IO_ERROR before it stops the processors: a fast extend is back while the status is still "running".
    [Fact]
    public void Goes_on_when_the_stop_is_only_on_its_way() =>
        Assert.IsType<ResumeVerdict.Continue>(ResumeRule.Judge("running", [Ours], _ => true, NotLookedAt));

    [Fact]
    public void Has_nothing_to_do_for_a_guest_that_runs() =>
        Assert.IsType<ResumeVerdict.Runs>(ResumeRule.Judge("running", [Ours with { IoStatus = "ok" }], _ => true, NotLookedAt));

    [Fact]
    public void Waits_for_the_other_disk() =>
        Assert.Contains("vdb still waits", Left("io-error", [Ours, Other], node => node == "ours"));

    [Fact]
    public void Leaves_a_disk_that_is_not_ours_to_others() =>
        Assert.Contains("not served by this pool", Left("io-error", [Ours, Other], node => node == "ours" ? true : null));

    [Fact]
    public void Goes_on_when_every_disk_that_failed_has_its_storage_back() => Assert.IsType<ResumeVerdict.Continue>(
        ResumeRule.Judge("io-error", [Sick, Sick with { Name = "vdd", NodeName = "sick2" }], _ => null, _ => new StorageVerdict.Whole()));

    [Fact]
    public void Stands_while_one_disks_storage_is_broken() => Assert.Contains("vdd stopped with an I/O error: the path is gone", Left(
        "io-error", [Sick, Sick with { Name = "vdd", NodeName = "sick2" }], _ => null, node => node == "sick" ? new StorageVerdict.Whole() : Broken));

    [Fact]
    public void Leaves_an_error_of_storage_that_is_not_ours_to_others() =>
        Assert.Contains("not served by this pool", Left("io-error", [Sick], _ => true, _ => null));

    /// One disk is full, another has lost its storage: either alone is not enough.
    [Theory]
    [InlineData(true, true, null)]
    [InlineData(true, false, "the path is gone")]
    [InlineData(false, true, "still waits for space")]
    public void A_mixed_pause_ends_when_both_causes_have(bool space, bool storage, string? reason)
    {
        var verdict = ResumeRule.Judge("io-error", [Ours, Sick], node => node == "ours" ? space : null, _ => storage ? new StorageVerdict.Whole() : Broken);
        if (reason is null)
            Assert.IsType<ResumeVerdict.Continue>(verdict);
        else
            Assert.Contains(reason, Assert.IsType<ResumeVerdict.Leave>(verdict).Reason);
    }

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
        Assert.Contains(status, Left(status, [Ours, Sick], _ => true, _ => new StorageVerdict.Whole()));

    private static StorageVerdict? NotLookedAt(string node) => throw new InvalidOperationException($"no I/O failed, yet the storage of {node} was asked for");

    private static string Left(string status, DeviceStatus[] devices, Func<string, bool?> hasSpace, Func<string, StorageVerdict?>? storage = null) =>
        Assert.IsType<ResumeVerdict.Leave>(ResumeRule.Judge(status, devices, hasSpace, storage ?? NotLookedAt)).Reason;
}
