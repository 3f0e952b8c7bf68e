using System.Diagnostics;
using System.Text.Json;
using OvirtSpm.Node.Demo;

namespace OvirtSpm.Interop.Demo;

/// <summary>The whole demo as a user starts it: real node processes, real QEMUs, real tools.</summary>
public sealed class DemoInterop : IDisposable
{
    static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    /// <summary>For the data. Too long for sockets, so the runs keep those in /tmp under the same name.</summary>
    readonly string temporary = Directory.CreateTempSubdirectory("demo-interop-").FullName;

    public void Dispose() => Directory.Delete(temporary, recursive: true);

    [Fact]
    public async Task After_a_run_that_was_killed_half_way_the_next_one_cleans_up_and_all_of_it_holds()
    {
        DemoTools.Need("qemu-system-x86_64", "qemu-img", "qemu-nbd", "vgck");
        DemoTools.NeedRoot();
        DemoTools.NeedSanlock();

        using var first = Start();
        await SaysAsync(first, "guest2 runs on");
        var left = RunOf(first);
        Assert.NotEmpty(MarkedWith(left));
        ProcessIdentity.Of(first.Id)!.Value.Signal(Native.SIGKILL);
        await first.WaitForExitAsync();
        // The kernel ends the children; they need a moment to be gone.
        for (var attempt = 0; MarkedWith(left).Any() && attempt < 500; attempt++)
        {
            await Task.Delay(10);
        }
        Assert.Empty(MarkedWith(left));

        using var second = Start();
        var errors = second.StandardError.ReadToEndAsync();
        var output = await second.StandardOutput.ReadToEndAsync().WaitAsync(Patience);
        await second.WaitForExitAsync().WaitAsync(Patience);
        var told = output + await errors;
        Assert.True(second.ExitCode == 0, told);
        Assert.Contains("left by an earlier run", told, StringComparison.Ordinal);
        Assert.Empty(Directory.GetDirectories(temporary));
        Assert.False(Directory.Exists(left), told);
        Assert.DoesNotContain(Directory.GetDirectories("/sys/block", "loop*"), loop => Read(Path.Combine(loop, "loop", "backing_file")).Contains(temporary, StringComparison.Ordinal));

        var line = Assert.Single(output.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        using var summary = JsonDocument.Parse(line);
        Judge(summary.RootElement);
    }

    [Fact]
    public async Task A_run_that_is_asked_to_stop_leaves_nothing()
    {
        DemoTools.Need("qemu-system-x86_64");
        using var run = Start();
        await SaysAsync(run, "guest1 runs on");
        var directory = RunOf(run);
        ProcessIdentity.Of(run.Id)!.Value.Signal(Native.SIGTERM);
        var told = await run.StandardError.ReadToEndAsync().WaitAsync(Patience);
        await run.WaitForExitAsync().WaitAsync(Patience);
        Assert.True(run.ExitCode is 1 or 143, $"exit code {run.ExitCode}: {told}");
        Assert.False(Directory.Exists(directory), told);
        Assert.Empty(Directory.GetDirectories(temporary));
        Assert.Empty(MarkedWith(directory));
    }

    [Fact]
    public async Task A_LUN_that_holds_something_is_refused_and_left_as_it_is()
    {
        var lun = Path.Combine(temporary, "lun");
        await using (var file = new FileStream(lun, FileMode.CreateNew, FileAccess.Write))
        {
            file.SetLength(24L << 30);
            file.Position = 1080;
            file.Write([0x53, 0xEF]); // ext4's magic number
        }
        using var run = Start("--lun", lun);
        var told = await run.StandardError.ReadToEndAsync().WaitAsync(Patience);
        await run.WaitForExitAsync().WaitAsync(Patience);
        Assert.Equal(1, run.ExitCode);
        Assert.Contains("not empty", told, StringComparison.Ordinal);
        var head = new byte[4096];
        await using var same = File.OpenRead(lun);
        await same.ReadExactlyAsync(head);
        Assert.Equal([0x53, 0xEF], head[1080..1082]);
        Assert.Equal(2, head.Count(value => value != 0));
    }

    static void Judge(JsonElement summary)
    {
        Assert.Equal(
            [
                "hosts", "extends", "extendsDuringFailover", "latencyP50Milliseconds", "latencyMaxMilliseconds", "guestWriteErrors",
                "slowestWriteMilliseconds", "failoverSeconds", "failoverBoundSeconds", "commits", "requestsPerCommit", "verified",
            ],
            summary.EnumerateObject().Select(property => property.Name));
        Assert.Equal(3, summary.GetProperty("hosts").GetInt32());
        Assert.True(summary.GetProperty("extends").GetInt32() >= 4, $"{summary}");
        Assert.Equal(0, summary.GetProperty("guestWriteErrors").GetInt32());
        Assert.Equal(12.5, summary.GetProperty("failoverBoundSeconds").GetDouble());
        Assert.InRange(summary.GetProperty("failoverSeconds").GetDouble(), 0.001, 12.5);
        Assert.True(summary.GetProperty("commits").GetInt32() > 0);
        var verified = summary.GetProperty("verified").EnumerateArray().ToList();
        Assert.All(verified, fact => Assert.True(fact.GetProperty("ok").GetBoolean(), $"{fact}"));
        Assert.Equal(
            ["lvs", "qemu-img check", "qemu-nbd", "sanlock direct dump", "sanlock direct read_leader", "vgck"],
            verified.Select(fact => fact.GetProperty("tool").GetString()!).Distinct().Order(StringComparer.Ordinal));
    }

    Process Start(params string[] more) => Process.Start(
        new ProcessStartInfo(Path.Combine(AppContext.BaseDirectory, "spm"), ["demo", "--json", .. more])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            Environment = { ["TMPDIR"] = temporary },
        })!;

    static string RunOf(Process demo) => Assert.Single(
        Directory.GetDirectories("/tmp", RunDirectory.Prefix + "*"),
        directory => Read(Path.Combine(directory, RunDirectory.OwnerFile)).StartsWith($"{demo.Id} ", StringComparison.Ordinal));

    static async Task SaysAsync(Process run, string what)
    {
        var told = "";
        while (await run.StandardError.ReadLineAsync().WaitAsync(Patience) is { } line)
        {
            told += line + "\n";
            if (line.Contains(what, StringComparison.Ordinal))
            {
                return;
            }
        }
        Assert.Fail($"the demo ended without saying '{what}':\n{told}");
    }

    static IEnumerable<int> MarkedWith(string directory) => Directory.EnumerateDirectories("/proc")
        .Select(entry => int.TryParse(Path.GetFileName(entry), out var pid) ? pid : 0)
        .Where(pid => pid > 0 && ProcessIdentity.Of(pid) is not null && ProcessIdentity.WasStartedWith(pid, RunDirectory.Marker, directory));

    /// <summary>Other runs come and go while this one is looked for.</summary>
    static string Read(string file)
    {
        try
        {
            return File.ReadAllText(file);
        }
        catch (IOException)
        {
            return "";
        }
    }
}
