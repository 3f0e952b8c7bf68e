namespace OvirtSpm.Simulation.Mutants;

/// <summary>The product with one rule broken: in one file, one text, found exactly once, becomes another.</summary>
/// <param name="Rule">What is broken, in the words of the safety rules.</param>
/// <param name="Project">Folder of the one assembly that changes.</param>
/// <param name="IsQuick">Found within a few seeds: part of every test run.</param>
internal sealed record Mutant(
    string Name, string Rule, string Project, string File, string Old, string New, bool IsQuick = false)
{
    public static IReadOnlyList<Mutant> All { get; } =
    [
        new("bad-vote-is-empty", "R29: a vote that cannot be believed is read as 'never voted'",
            "src/Leases", "Resource/ResourceLease.Attempt.cs",
            "steps = badVote == RecordError.None ? steps.Saw(vote) : steps.SawUnreadable();",
            "steps = steps.Saw(badVote == RecordError.None ? vote : default);"),
        new("deadline-not-read", "R2: the deadline is not read again before a write",
            "src/SpmNode", "Roles/PoolFence.cs",
            "public bool MayWrite() => closedBecause is null && deadlineHolds(margin);",
            "public bool MayWrite() => closedBecause is null;"),
        new("deadline-not-read-after-flush", "R1: acknowledged without reading the deadline after the last flush",
            "src/LvmMetadata", "Store/MetadataWriter.cs",
            "although it may well be there.\n            if (!guard.MayWrite())",
            "although it may well be there.\n            if (guard.Epoch == 0)"),
        new("headers-in-parallel", "R2: the second header is written while the first is under way",
            "src/LvmMetadata", "Store/MetadataWriter.cs",
            "await writing;\n                DiskMemory.Return(memory);\n                // R2: the second header", "// R2: the second header", IsQuick: true),
        new("takeover-at-next-seqno", "R3: a takeover continues with the next sequence number",
            "src/LvmMetadata", "Store/TakeOverRules.cs",
            "version.Seqno + (2 * (UInt128)(epoch - version.Epoch))", "(UInt128)version.Seqno + 1", IsQuick: true),
        new("same-ring-place", "R4: the first text of an epoch goes where the predecessor's next one may be landing",
            "src/LvmMetadata", "Store/MetadataStore.cs",
            "writer.WriteAsync(copies, next, guard, isFirst)", "writer.WriteAsync(copies, next, guard, false)"),
        new("commit-without-epoch", "a takeover's text keeps the tag of the former epoch",
            "src/LvmMetadata", "Edit/VolumeGroupDraft.cs",
            ": [.. tags.Where(tag => !EpochTag.Is(tag)), EpochTag.For(epoch)];",
            ": [.. tags.Where(tag => !EpochTag.Is(tag)), EpochTag.For(From.Epoch ?? epoch)];"),
        new("watchdog-never-armed", "R21: a term begins without arming the watchdog",
            "src/SpmNode", "Roles/TermGuard.cs",
            "terms.Add(fence);\n            return Arm(expiresAt);", "terms.Add(fence);\n            return null;"),
        new("watchdog-never-fed", "R21: renewals do not move the watchdog",
            "src/SpmNode", "Roles/TermGuard.cs",
            "if (armed.Count > 0)\n            {\n                Arm(expiresAt);", "if (armed.Count > 9)\n            {\n                Arm(expiresAt);", IsQuick: true),
        new("release-before-writes-return", "R8: the lease is given back while a write is under way",
            "src/SpmNode", "Roles/SpmRole.Leading.cs",
            "await Task.WhenAny(membership.Guard.EndAsync(fence, domain.Lun.WhenControlWritesReturnedAsync), lost);",
            "_ = membership.Guard.EndAsync(fence, domain.Lun.WhenControlWritesReturnedAsync);"),
        new("former-life-not-awaited", "R7: a new life of a node does not wait for the writes of the last one",
            "src/SpmNode", "Roles/Membership.cs",
            "return locked = locked || domain.Lun.TryLock(", "return locked = locked || sector > 0 || domain.Lun.TryLock("),
        new("maps-not-read", "R10: extents are freed without looking at the activation maps",
            "src/SpmNode", "Pool/VolumeRemoval.cs",
            "if (users.Count > 0)", "if (users.Count > 1000)"),
        new("refused-removal-left-marked", "C5: a deletion that was refused leaves its mark, and may take effect later",
            "src/SpmNode", "Pool/VolumeRemoval.cs",
            "await UnmarkAsync(volume, operation);", "await Task.CompletedTask;"),
        new("journal-segment-reused", "R18: a new epoch begins its log in the segment its predecessor was in",
            "src/Volumes", "Journal/JournalReading.cs", "return first;", "return Math.Max(last, 1);"),
        new("held-without-limit", "R31: a write behind the end of its volume waits for as long as there is no space",
            "src/SpmNode", "Activation/HeldWrites.cs",
            "waiter.Done.TrySetResult(null), null, options.HoldLimit,", "waiter.Done.TrySetResult(null), null, 3 * options.HoldLimit,"),
        new("open-operations-left", "C8: a new SPM does not bring to an end what the former one left open",
            "src/SpmNode", "Roles/SpmRole.Leading.cs",
            "await (Recover?.Invoke(begun, ending) ?? Task.CompletedTask);", "await Task.CompletedTask;"),
        new("left-behind-entries-stay", "C9: an entry of the activation map whose clearing failed is never looked at again",
            "src/SpmNode", "Storage/ActivationMaps.cs", "if (!leftBehind)", "if (leftBehind || !leftBehind)"),
        new("asked-again-done-again", "R24: a request that was answered is done again when it arrives again",
            "src/SpmNode", "Pool/RequestDesk.cs",
            "return journal.Find(id) switch", "return (id.IsValid ? default : journal.Find(id)) switch"),
    ];

    public override string ToString() => Name;
}
