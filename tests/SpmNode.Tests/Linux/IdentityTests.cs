using OvirtSpm.Node.Linux;

namespace OvirtSpm.Node.Tests.Linux;

public class IdentityTests
{
    [Fact]
    public void The_boot_id_is_the_kernels()
    {
        Assert.Equal(File.ReadAllText("/proc/sys/kernel/random/boot_id").Trim(), BootId.Read().ToString());
    }

    [Theory]
    [InlineData("")]
    [InlineData("not an id")]
    [InlineData("00000000-0000-0000-0000-000000000000")]
    public void A_boot_id_that_is_none_is_refused(string content)
    {
        using var file = new ScratchFile(0);
        File.WriteAllText(file.Path, content);
        Assert.Throws<IOException>(() => BootId.Read(file.Path));
        Assert.Throws<IOException>(() => BootId.Read(file.Beside("missing")));
    }

    [Fact]
    public void The_systems_machine_id_comes_first()
    {
        using var file = new ScratchFile(0);
        File.WriteAllText(file.Path, "0123456789abcdef0123456789abcdef\n");
        var id = MachineId.Read([file.Beside("missing"), file.Path], file.Beside("state"));
        Assert.Equal(Guid.Parse("0123456789abcdef0123456789abcdef"), id);
        Assert.False(Directory.Exists(file.Beside("state")));
    }

    [Theory]
    [InlineData("")]
    [InlineData("uninitialized\n")]
    [InlineData("00000000000000000000000000000000\n")]
    public void A_system_without_a_machine_id_gets_one_that_stays(string systems)
    {
        using var file = new ScratchFile(0);
        File.WriteAllText(file.Path, systems);
        var first = MachineId.Read([file.Path], file.Beside("state"));
        Assert.NotEqual(Guid.Empty, first);
        Assert.Equal(first, MachineId.Read([file.Path], file.Beside("state")));
        Assert.Single(Directory.GetFiles(file.Beside("state")));
    }

    [Fact]
    public void A_verb_that_keeps_no_state_takes_the_systems_id_or_a_new_one_and_writes_nothing()
    {
        using var file = new ScratchFile(0);
        var missing = new[] { file.Beside("missing") };
        Assert.NotEqual(MachineId.ReadOrRandom(missing), MachineId.ReadOrRandom(missing));
        File.WriteAllText(file.Path, "0123456789abcdef0123456789abcdef\n");
        Assert.Equal(Guid.Parse("0123456789abcdef0123456789abcdef"), MachineId.ReadOrRandom([.. missing, file.Path]));
    }

    [Fact]
    public void Nodes_that_start_together_agree_on_the_machine_id()
    {
        using var file = new ScratchFile(0);
        var ids = new Guid[8];
        Parallel.For(0, ids.Length, i => ids[i] = MachineId.Read([], file.Beside("state")));
        Assert.Single(ids.Distinct());
    }

    [Fact]
    public void A_damaged_machine_id_of_ours_is_not_replaced()
    {
        using var file = new ScratchFile(0);
        Directory.CreateDirectory(file.Beside("state"));
        File.WriteAllText(Path.Combine(file.Beside("state"), "machine-id"), "garbage");
        var failed = Assert.Throws<IOException>(() => MachineId.Read([], file.Beside("state")));
        Assert.Contains("Restore it", failed.Message);
    }
}
