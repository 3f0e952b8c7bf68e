using System.Diagnostics;
using OvirtSpm.Interop.Cli;
using OvirtSpm.Node.Demo;

namespace OvirtSpm.Interop.Images;

/// <summary>What a program leaves that is killed while QEMU's tools work for it.</summary>
public sealed class KilledToolTests
{
    const int SigStop = 19;

    static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task Of_a_killed_export_no_tool_is_left_and_no_file_after_the_next_one()
    {
        Assert.SkipUnless(CliTool.Exists("qemu-storage-daemon"), "qemu-storage-daemon: opens chains; install qemu-system-common");
        using var files = new CliScratch();
        using var lun = await CliLun.WithDomainAsync();
        (await CliSpm.RunAsync("volume", "create", "--size", "1G", "--alias", "disk", "--lun", lun.Path)).Succeeded();
        var (temporary, target) = (files.PathOf("t"), files.PathOf("out"));
        Directory.CreateDirectory(temporary);
        // An empty disk is exported in a moment: a busy machine may not let us see the tool at work.
        for (var attempt = 1; !await KilledAtWorkAsync(lun, temporary, target); attempt++)
        {
            Assert.True(attempt < 10, "none of ten exports was met while a tool worked for it");
            File.Delete(target);
        }
        for (var watch = Stopwatch.StartNew(); ToolsOf(temporary).Any();)
        {
            Assert.True(watch.Elapsed < Patience, "a tool outlived the program that started it");
            await Task.Delay(10, TestContext.Current.CancellationToken);
        }
        Assert.NotEmpty(Directory.GetDirectories(temporary));
        Assert.NotEmpty(Directory.GetFileSystemEntries(Path.GetDirectoryName(target)!, ".out.*.part"));

        using var next = CliSpm.Start(new Dictionary<string, string> { ["TMPDIR"] = temporary }, ["volume", "export", "disk", target, "--format", "raw", "--wait", "--lun", lun.Path]);
        var (output, error) = (next.StandardOutput.ReadToEndAsync(), next.StandardError.ReadToEndAsync());
        await next.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.True(next.ExitCode == 0, await output + await error);
        Assert.Empty(Directory.GetDirectories(temporary, "spm-new-*"));
        Assert.Empty(Directory.GetFileSystemEntries(Path.GetDirectoryName(target)!, ".out.*"));
        Assert.Equal(1 << 30, new FileInfo(target).Length);
    }

    /// <returns>False when it ended before.</returns>
    static async Task<bool> KilledAtWorkAsync(CliLun lun, string temporary, string target)
    {
        using var process = CliSpm.Start(new Dictionary<string, string> { ["TMPDIR"] = temporary }, ["volume", "export", "disk", target, "--format", "raw", "--wait", "--lun", lun.Path]);
        var said = Task.WhenAll(process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        var stopped = false;
        while (!process.HasExited && !stopped)
        {
            // Stopped it cannot finish, nor end because its sockets are gone: what ends it is that its starter is.
            stopped = ToolsOf(temporary).Where(tool => tool.Program == "qemu-storage-daemon").Select(tool => ProcessIdentity.Of(tool.Pid)).FirstOrDefault(found => found is not null)
                is { } daemon && daemon.Signal(SigStop);
            await Task.Delay(1, TestContext.Current.CancellationToken);
        }
        var killed = stopped && ProcessIdentity.Of(process.Id)?.Signal(Native.SIGKILL) == true;
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        // A tool that was killed holds its ends of the pipes no more; one that was not would.
        await Task.WhenAny(said, Task.Delay(Patience, TestContext.Current.CancellationToken));
        return killed;
    }

    /// <summary>Whose command line names something in the directory.</summary>
    static IEnumerable<(int Pid, string Program)> ToolsOf(string directory)
    {
        foreach (var entry in Directory.EnumerateDirectories("/proc"))
        {
            if (int.TryParse(Path.GetFileName(entry), out var pid) && Words(pid) is [var program, ..] words && words.Any(word => word.Contains(directory + "/", StringComparison.Ordinal)))
            {
                yield return (pid, Path.GetFileName(program));
            }
        }
    }

    static string[] Words(int pid)
    {
        try
        {
            return File.ReadAllText($"/proc/{pid}/cmdline").Split('\0');
        }
        catch (Exception gone) when (gone is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }
}
