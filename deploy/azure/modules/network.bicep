// The network of the machines, and the private names of what they reach.
param name string
param location string

@description('Private zones, one for each kind of service that is reached by a private endpoint.')
param zoneNames array

// Nothing enters from outside: what people reach is the API of the cluster and the data account.
resource nodeRules 'Microsoft.Network/networkSecurityGroups@2025-05-01' = {
  name: '${name}-nodes'
  location: location
  properties: {}
}

resource endpointRules 'Microsoft.Network/networkSecurityGroups@2025-05-01' = {
  name: '${name}-endpoints'
  location: location
  properties: {
    securityRules: [
      {
        name: 'https-from-inside'
        properties: {
          access: 'Allow'
          direction: 'Inbound'
          priority: 100
          protocol: 'Tcp'
          sourceAddressPrefix: 'VirtualNetwork'
          sourcePortRange: '*'
          destinationAddressPrefix: '*'
          destinationPortRange: '443'
        }
      }
      {
        name: 'nothing-else'
        properties: {
          access: 'Deny'
          direction: 'Inbound'
          priority: 200
          protocol: '*'
          sourceAddressPrefix: '*'
          sourcePortRange: '*'
          destinationAddressPrefix: '*'
          destinationPortRange: '*'
        }
      }
    ]
  }
}

resource network 'Microsoft.Network/virtualNetworks@2025-05-01' = {
  name: '${name}-net'
  location: location
  properties: {
    addressSpace: {
      addressPrefixes: [
        '10.20.0.0/16'
      ]
    }
    subnets: [
      {
        name: 'nodes'
        properties: {
          addressPrefix: '10.20.0.0/20'
          networkSecurityGroup: {
            id: nodeRules.id
          }
        }
      }
      {
        name: 'endpoints'
        properties: {
          addressPrefix: '10.20.16.0/24'
          privateEndpointNetworkPolicies: 'Enabled'
          networkSecurityGroup: {
            id: endpointRules.id
          }
        }
      }
    ]
  }
}

resource zones 'Microsoft.Network/privateDnsZones@2024-06-01' = [for zone in zoneNames: {
  name: zone
  location: 'global'
  properties: {}
}]

resource links 'Microsoft.Network/privateDnsZones/virtualNetworkLinks@2024-06-01' = [for (zone, i) in zoneNames: {
  parent: zones[i]
  name: name
  location: 'global'
  properties: {
    registrationEnabled: false
    virtualNetwork: {
      id: network.id
    }
  }
}]

output networkName string = network.name
output nodesId string = network.properties.subnets[0].id
output endpointsId string = network.properties.subnets[1].id
output zoneIds array = [for (zone, i) in zoneNames: zones[i].id]
