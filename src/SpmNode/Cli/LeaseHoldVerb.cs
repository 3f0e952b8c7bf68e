using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using OvirtSpm.Node.LeaseService;
using OvirtSpm.Node.Linux;

namespace OvirtSpm.Node.Cli;

/// <summary><c>spm lease hold</c>: a command that runs only while a lease is held.</summary>
static class LeaseHoldVerb
{
    /// <summary>Like those of timeout and env: what the command itself exits with is below.</summary>
    public const int Lost = 125, NotTaken = 124;

    static readonly TimeSpan ForEver = TimeSpan.FromDays(1000);

    const string Help = """
        Run a command only while a lease is held.

        The command runs in a session of its own. SPM_LEASE_NAME and SPM_LEASE_VERSION (grows with every change of hands) are set for it.
        When the lease cannot be renewed, with T = 1 s for the host ids of verbs and 8 T = 8 s of life after each renewal:
          5 T after the last renewal  SIGTERM to its process group
          7 T                         SIGKILL
          8 T and the watchdog time   another host may have the lease
        It is killed, too, when this program is killed or stopped. Processes it leaves behind keep the lease until they end.
        Exit code: the command's own (128 + n: ended by signal n) · 125 the lease was lost or could not be watched, the command was ended ·
        124 the lease was not taken, the command never ran · 126, 127 the command cannot be run, is not there.
        """;

    public static Command Create(Option<string> lun, Option<int?> sectorSize)
    {
        var name = LeaseVerbs.Name();
        var wait = new Option<string?>("--wait")
        {
            Description = "wait while somebody else holds it: for ever, or so many seconds", Arity = ArgumentArity.ZeroOrOne,
        };
        var json = new Option<bool>("--json") { Description = "say what happens to the lease as JSON lines on stderr; stdout is the command's" };
        var words = new Argument<string[]>("command") { Description = "after --: the program and its arguments", Arity = ArgumentArity.OneOrMore };
        var command = new Command("hold", Help) { lun, name, wait, sectorSize, json, words };
        command.SetAction((parsed, stop) => SpmCommand.GuardAsync(async () =>
        {
            var patience = Patience(parsed.GetResult(wait) is { Implicit: false }, parsed.GetValue(wait));
            var wanted = UserLeaseName.Checked(parsed.GetValue(name)!);
            var events = new HoldEvents(wanted, parsed.GetValue(json));
            return await GuardAsync(
                started => RunAsync(parsed.GetValue(lun)!, parsed.GetValue(sectorSize), wanted, patience, parsed.GetValue(words)!, events, started, stop), events.Tell);
        }));
        return command;
    }

    /// <summary>Whoever reads the exit code wants to know above all whether the command may have run.</summary>
    /// <param name="run">Given what is to be called when the command has been started.</param>
    internal static async Task<int> GuardAsync(Func<Action, Task<int>> run, Action<string, string> tell)
    {
        var started = false;
        try
        {
            return await run(() => started = true);
        }
        catch (Exception failed) when (failed is Refusal or IOException or OperationCanceledException)
        {
            tell(started ? "failed" : "not-taken", failed is OperationCanceledException && !started ? "stopped before the lease was taken" : failed.Message);
            return started ? Lost : NotTaken;
        }
    }

    static async Task<int> RunAsync(
        string path, int? sectorSize, string name, TimeSpan patience, string[] words, HoldEvents events, Action started, CancellationToken stop)
    {
        await using var lease = await NodeComposition.TakeLeaseAsync(path, sectorSize, name, patience, note => events.Tell("waiting", note), stop);
        events.Note("held", lease.Version);
        var (offset, length) = lease.HeirsRange;
        int? code;
        using (var command = HeldCommand.Start(words, lease, () => new InheritedLock(path, offset, length), lease.HasHeirs, started))
        {
            code = await new HoldSupervision(lease, command, NodeComposition.BootClock, why => events.Tell("losing", why)).RunAsync(stop);
        }
        // R8: nothing works under it any more. After a loss, too: what is left of the deadline spares others the wait. Before anything is said:
        // a reader that does not read would hold it up.
        var kept = await lease.ReleaseAsync();
        if (code is null)
        {
            events.Tell("lost", "the lease was lost and the command was ended");
        }
        if (kept is { } why)
        {
            events.Tell("not-released", why);
        }
        else
        {
            events.Note("released", lease.Version);
        }
        return code ?? Lost;
    }

    static TimeSpan Patience(bool asked, string? seconds)
    {
        if (!asked)
        {
            return TimeSpan.Zero;
        }
        if (string.IsNullOrEmpty(seconds))
        {
            return ForEver;
        }
        return double.TryParse(seconds.TrimEnd('s'), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number) && number is > 0 and < 86400 * 1000.0
            ? TimeSpan.FromSeconds(number)
            : throw Refusal.Invalid($"'--wait {seconds}': a number of seconds is expected, or nothing to wait for ever.");
    }

    sealed class HoldEvents(string name, bool asJson)
    {
        /// <summary>Something a person should know.</summary>
        public void Tell(string what, string text)
        {
            if (asJson)
            {
                Write(new { lease = name, @event = what, text });
            }
            else
            {
                Console.Error.WriteLine($"spm: {text}");
            }
        }

        /// <summary>All is well: only a program wants to know.</summary>
        public void Note(string what, ulong version)
        {
            if (asJson)
            {
                Write(new { lease = name, @event = what, version });
            }
        }

        static void Write<T>(T line) => Console.Error.WriteLine(JsonSerializer.Serialize(line, Output.Json));
    }
}
