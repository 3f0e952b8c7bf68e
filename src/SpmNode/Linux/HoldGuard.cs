using System.Collections.Concurrent;
using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using OvirtSpm.Node.Activation.Mapped.Tail;

namespace OvirtSpm.Node.Linux;

/// <summary>R31 for a node that is killed, or stands still: a shell of its own session that ends what waits behind the ends of volumes when nobody else would.</summary>
/// <remarks>It hears of the node every second. What it lets go on meets the map's table "error" (R17); the node, or its next life, holds again. It ends a hold
/// limit after its node. So a write waits at most a hold limit longer, or <see cref="LeastSilence"/> where that is less, and not longer than 115 s, unless a
/// next life begins and is as long in looking after it.</remarks>
sealed class HoldGuard : IDisposable
{
    static readonly TimeSpan Beat = TimeSpan.FromSeconds(1);

    /// <summary>A busy machine is none that stands still.</summary>
    static readonly TimeSpan LeastSilence = TimeSpan.FromSeconds(5);

    /// <summary>A guest's kernel gives up after 120 s.</summary>
    static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(115);

    const string IsReady = "ready";

    /// <summary>Arguments: seconds of silence, seconds for the next life, the lock that a living node has, the start of the maps' uuids, dmsetup. A map may have
    /// a table that its node had loaded and not made live: nobody knows any more whether that still holds.</summary>
    const string Script = $$"""
        for tool in flock "$5"; do
            command -v "$tool" >/dev/null || { echo "$tool is not there"; exit 1; }
        done
        echo {{IsReady}}
        exec >/dev/null 2>&1
        while :; do
            read -r -t "$1" _; heard=$?
            [ $heard -eq 0 ] && continue
            if [ $heard -le 128 ]; then
                sleep "$2"
                flock -n "$3" true
                [ $? -eq 1 ] && exit 0
            fi
            "$5" info -c --noheadings --separator ' ' -o attr,uuid,name | while read -r state uuid name; do
                case "$uuid $state" in "$4"*{{TailLayers.Hold}}*' 'L?s*) "$5" clear "$name"; "$5" resume --noudevrules --noudevsync "$name" ;; esac
            done
            [ $heard -gt 128 ] || exit 0
        done
        """;

    /// <summary>Of nodes that have ended. Not closed before this process is gone: what has no lock then was this node's; what has one is its next life's.</summary>
    static readonly ConcurrentBag<Process> Left = [];

    readonly Lock gate = new();
    readonly Func<Process> launch;
    readonly ITimer timer;
    readonly Func<bool> lives;
    readonly Action<string> log;
    Process shell;
    string? missing;
    bool isDisposed;

    HoldGuard(Func<Process> launch, Func<bool> lives, TimeProvider clock, Action<string> log)
    {
        (this.launch, this.lives, this.log, shell) = (launch, lives, log, launch());
        timer = clock.CreateTimer(_ => Say(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        timer.Change(Beat, Timeout.InfiniteTimeSpan);
    }

    /// <param name="livesWhile">A file that a living node has locked.</param>
    /// <param name="maps">How the uuids of the domain's maps begin.</param>
    /// <param name="lives">Does this node end by itself what waits?</param>
    /// <exception cref="Refusal">It cannot be started.</exception>
    public static HoldGuard Start(TimeSpan holdLimit, string livesWhile, string maps, Func<bool> lives, TimeProvider clock, Action<string> log, string dmsetup = "dmsetup")
    {
        var patience = holdLimit < LongestWait - holdLimit ? holdLimit : LongestWait - holdLimit;
        var silence = patience > LeastSilence ? patience : LeastSilence;
        string[] arguments = ["bash", "-c", Script, "spm-hold-guard", Seconds(silence), Seconds(patience), livesWhile, maps, dmsetup];
        return new HoldGuard(() => Launch(arguments), lives, clock, log);
    }

    /// <summary>It has done what there was to do after its node.</summary>
    public Task Ended => shell.WaitForExitAsync();

    internal void Kill() => shell.Kill();

    /// <summary>This node ends: from now on it hears nothing, and once the process is gone it does what there is to do.</summary>
    public void Dispose()
    {
        lock (gate)
        {
            isDisposed = true;
            timer.Dispose();
            Left.Add(shell);
        }
    }

    /// <summary>As the end of the process does.</summary>
    internal void Leave()
    {
        Dispose();
        shell.StandardInput.BaseStream.Dispose();
    }

    void Say()
    {
        lock (gate)
        {
            if (isDisposed)
            {
                return;
            }
            try
            {
                if (shell.HasExited)
                {
                    Replace();
                }
                else if (lives())
                {
                    shell.StandardInput.BaseStream.Write("\n"u8);
                }
            }
            catch (IOException)
            {
                // Killed in this very moment: seen at the next beat.
            }
            timer.Change(Beat, Timeout.InfiniteTimeSpan);
        }
    }

    /// <summary>Somebody killed it.</summary>
    void Replace()
    {
        try
        {
            var next = launch();
            shell.Dispose();
            shell = next;
            missing = null;
            log("the guard that ends what waits behind the ends of volumes when this node cannot had been killed; another one watches now.");
        }
        catch (Refusal refused) when (refused.Message == missing)
        {
            // Said already; asked again at the next beat.
        }
        catch (Refusal refused)
        {
            log(missing = refused.Message);
        }
    }

    static Process Launch(string[] arguments)
    {
        try
        {
            var shell = Process.Start(new ProcessStartInfo("setsid", arguments) { RedirectStandardInput = true, RedirectStandardOutput = true })!;
            return shell.StandardOutput.ReadLine() is var said && said == IsReady ? shell : throw Refused(said ?? "no bash");
        }
        catch (Win32Exception failed)
        {
            throw Refused(failed.Message);
        }
    }

    static Refusal Refused(string why) => Refusal.Unavailable(
        $"the guard that ends what waits behind the ends of volumes when this node cannot is not started ({why}): install bash, util-linux (setsid, flock) and dmsetup, or leave out --tail.");

    static string Seconds(TimeSpan time) => time.TotalSeconds.ToString(CultureInfo.InvariantCulture);
}
