namespace OvirtSpm.Monitor.Guests;

/// <summary>One guest as its watch sees it.</summary>
/// <param name="Connected">A QMP session is open and the disks were read in it.</param>
/// <param name="RunStatus">QEMU's own word: running, io-error, paused…; "unknown" without a session.</param>
/// <param name="Detail">Why it is not connected, or not resumed; empty otherwise.</param>
/// <param name="Sessions">QMP sessions opened so far: above 1 the monitor was lost and found again.</param>
/// <param name="StandsOnError">QEMU stopped it because I/O on a disk of this pool failed, and it stands.</param>
public sealed record GuestState(
    string Name, bool Connected, string RunStatus, string Detail, long Sessions, IReadOnlyList<DiskState> Disks, PausePolicy Policy,
    bool StandsOnError);
