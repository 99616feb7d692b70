//! The order in which the operations of a bulk request run: the client's order, except that an operation to which
//! another operation refers runs first (RFC 7644 §3.7, §3.7.1).

/// Groups the operations so that each operation comes after the operations to which it refers; `refers` contains the
/// indexes of those operations for each operation. Operations that refer to each other in a cycle are one group.
/// Every other operation is a group by itself.
///
/// Takes time in proportion to the number of operations and references. Does not recurse, so a chain may have any
/// length. (Tarjan's strongly connected components.)
pub(super) fn groups(refers: &[Vec<usize>]) -> Vec<Vec<usize>> {
    const UNSEEN: usize = usize::MAX;
    let mut state = State {
        number: vec![UNSEEN; refers.len()],
        lowest: vec![0; refers.len()],
        open: vec![false; refers.len()],
        stack: Vec::new(),
        next: 0,
        groups: Vec::new(),
    };
    for start in 0..refers.len() {
        if state.number.get(start) != Some(&UNSEEN) {
            continue;
        }
        // The operations on the current path, each with the number of its references that have been followed.
        let mut way = vec![(start, 0_usize)];
        state.enter(start);
        while let Some((operation, followed)) = way.last_mut() {
            let operation = *operation;
            let target = refers.get(operation).and_then(|targets| targets.get(*followed)).copied();
            *followed += 1;
            match target {
                Some(target) if state.number.get(target) == Some(&UNSEEN) => {
                    state.enter(target);
                    way.push((target, 0));
                }
                Some(target) => state.meet(operation, target),
                None => {
                    way.pop();
                    state.leave(operation, way.last().map(|(outer, _)| *outer));
                }
            }
        }
    }
    state.groups
}

struct State {
    number: Vec<usize>,
    /// The lowest number that can be reached within the group.
    lowest: Vec<usize>,
    /// Whether the operation's group is still incomplete.
    open: Vec<bool>,
    stack: Vec<usize>,
    next: usize,
    groups: Vec<Vec<usize>>,
}

impl State {
    fn enter(&mut self, operation: usize) {
        for (list, value) in [(&mut self.number, self.next), (&mut self.lowest, self.next)] {
            if let Some(place) = list.get_mut(operation) {
                *place = value;
            }
        }
        if let Some(open) = self.open.get_mut(operation) {
            *open = true;
        }
        self.next += 1;
        self.stack.push(operation);
    }

    fn meet(&mut self, operation: usize, target: usize) {
        if self.open.get(target) == Some(&true) {
            self.lower(operation, self.number.get(target).copied());
        }
    }

    fn lower(&mut self, operation: usize, to: Option<usize>) {
        if let (Some(lowest), Some(to)) = (self.lowest.get_mut(operation), to) {
            *lowest = to.min(*lowest);
        }
    }

    fn leave(&mut self, operation: usize, outer: Option<usize>) {
        let lowest = self.lowest.get(operation).copied();
        if let Some(outer) = outer {
            self.lower(outer, lowest);
        }
        if lowest != self.number.get(operation).copied() {
            return;
        }
        let mut group = Vec::new();
        while let Some(member) = self.stack.pop() {
            if let Some(open) = self.open.get_mut(member) {
                *open = false;
            }
            group.push(member);
            if member == operation {
                break;
            }
        }
        group.sort_unstable();
        self.groups.push(group);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The references of each operation, and the expected groups.
    type Case = (&'static [&'static [usize]], &'static [&'static [usize]]);

    #[test]
    fn what_is_referred_to_comes_first() {
        let cases: [Case; 6] = [
            (&[], &[]),
            (&[&[], &[], &[]], &[&[0], &[1], &[2]]),
            (&[&[2], &[], &[]], &[&[2], &[0], &[1]]),
            (&[&[1], &[2], &[0], &[1]], &[&[0, 1, 2], &[3]]),
            (&[&[], &[1], &[0, 3], &[]], &[&[0], &[1], &[3], &[2]]),
            (&[&[3], &[2], &[1, 0], &[]], &[&[3], &[0], &[1, 2]]),
        ];
        for (refers, expected) in cases {
            let refers: Vec<Vec<usize>> = refers.iter().map(|targets| targets.to_vec()).collect();
            assert_eq!(groups(&refers), expected, "{refers:?}");
        }
    }

    /// A chain and a cycle of 100,000 operations, on a small stack.
    #[test]
    fn no_chain_is_too_long() {
        let length = 100_000;
        let chain: Vec<Vec<usize>> = (0..length).map(|index| vec![index + 1]).collect();
        let (mut open, mut circle) = (chain.clone(), chain);
        open[length - 1] = Vec::new();
        circle[length - 1] = vec![0];
        let small = std::thread::Builder::new().stack_size(64 << 10);
        let run = move || (groups(&open).len(), groups(&circle).len());
        assert_eq!(small.spawn(run).unwrap().join().unwrap(), (length, 1));
    }
}
