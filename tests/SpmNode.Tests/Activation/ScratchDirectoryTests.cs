using System.Diagnostics;
using OvirtSpm.Node.Activation.Images;

namespace OvirtSpm.Node.Tests.Activation;

public sealed class ScratchDirectoryTests : IDisposable
{
    const string Prefix = "spm-new-";
    readonly string root = Directory.CreateTempSubdirectory("spm-scratch-").FullName;

    [Fact]
    public void What_is_in_use_stays_and_what_a_dead_program_left_goes()
    {
        using var mine = ScratchDirectory.Create(root, Prefix);
        File.WriteAllText(mine.At("0"), "a socket");
        var dead = Left("dead", locked: true);
        ScratchDirectory.RemoveLeftovers(root, Prefix);
        Assert.True(File.Exists(mine.At("0")));
        Assert.False(Directory.Exists(dead));
        mine.Dispose();
        Assert.Empty(Directory.GetFileSystemEntries(root));
    }

    [Fact]
    public void One_that_is_just_being_made_stays_and_one_that_never_got_its_lock_goes()
    {
        var (newborn, old) = (Left("newborn", locked: false), Left("old", locked: false));
        Directory.SetLastWriteTimeUtc(old, DateTime.UtcNow.AddMinutes(-2));
        ScratchDirectory.RemoveLeftovers(root, Prefix);
        Assert.True(Directory.Exists(newborn));
        Assert.False(Directory.Exists(old));
    }

    [Fact]
    public void Nobody_elses_name_is_touched()
    {
        var other = Directory.CreateDirectory(Path.Combine(root, "other")).FullName;
        File.WriteAllText(Path.Combine(other, "lock"), "");
        ScratchDirectory.RemoveLeftovers(root, Prefix);
        Assert.True(Directory.Exists(other));
    }

    [Fact]
    public async Task A_tool_that_was_not_told_of_the_death_is_ended_with_its_directory_and_no_other_program_is()
    {
        var dead = Left("dead", locked: true);
        using var tool = Start("qemu-storage-daemon", dead);
        using var bystander = Start("less", dead);
        using var other = Start("qemu-img", dead + "x");
        ScratchDirectory.RemoveLeftovers(root, Prefix);
        await tool.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.Equal(128 + 9, tool.ExitCode);
        foreach (var alive in new[] { bystander, other })
        {
            Assert.False(alive.HasExited);
            alive.Kill();
            await alive.WaitForExitAsync(TestContext.Current.CancellationToken);
        }
        Assert.False(Directory.Exists(dead));
    }

    public void Dispose() => Directory.Delete(root, recursive: true);

    string Left(string name, bool locked)
    {
        var path = Directory.CreateDirectory(Path.Combine(root, Prefix + name)).FullName;
        if (locked)
        {
            File.WriteAllText(Path.Combine(path, "lock"), "");
        }
        return path;
    }

    /// <summary>A program of that name, with a socket of the directory in its command line, that waits for its input.</summary>
    static Process Start(string name, string directory)
    {
        var process = Process.Start(new ProcessStartInfo("bash", ["-c", $"exec -a {name} bash -c 'echo up; read -r _' {directory}/0"])
        {
            RedirectStandardInput = true, RedirectStandardOutput = true,
        })!;
        Assert.Equal("up", process.StandardOutput.ReadLine());
        return process;
    }
}
