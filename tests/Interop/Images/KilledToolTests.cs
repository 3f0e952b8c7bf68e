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
        using (var process = CliSpm.Start(new Dictionary<string, string> { ["TMPDIR"] = temporary }, ["volume", "export", "disk", target, "--format", "raw", "--lun", lun.Path]))
        {
            var said = Task.WhenAll(process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
            var daemon = await FirstAsync("qemu-storage-daemon", temporary, process);
            // Stopped it cannot finish, nor end because its sockets are gone: what ends it is that its starter is.
            Assert.True(daemon.Signal(SigStop));
            Assert.True(ProcessIdentity.Of(process.Id)!.Value.Signal(Native.SIGKILL));
            await process.WaitForExitAsync(TestContext.Current.CancellationToken);
            await said;
            for (var watch = Stopwatch.StartNew(); ToolsOf(temporary).Any();)
            {
                Assert.True(watch.Elapsed < Patience, "a tool outlived the program that started it");
                await Task.Delay(10, TestContext.Current.CancellationToken);
            }
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

    static async Task<ProcessIdentity> FirstAsync(string program, string directory, Process starter)
    {
        for (var watch = Stopwatch.StartNew(); ;)
        {
            if (ToolsOf(directory).Where(tool => tool.Program == program).Select(tool => ProcessIdentity.Of(tool.Pid)).FirstOrDefault(found => found is not null) is { } found)
            {
                return found;
            }
            Assert.True(!starter.HasExited && watch.Elapsed < Patience, $"{program} was never seen");
            await Task.Delay(1, TestContext.Current.CancellationToken);
        }
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
